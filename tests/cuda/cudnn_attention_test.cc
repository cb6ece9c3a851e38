// SPDX-License-Identifier: Apache-2.0
// cuDNN's attention beside the own kernels, where the machine has it.
#include "cudnn_attention.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "attention.h"
#include "cuda/device_memory.h"
#include "cuda/matmul_layer.h"
#include "device_under_test.h"
#include "support/catch.h"
#include "support/op_cases.h"

namespace isoflop {
namespace {

using test::Matrix;
using test::MatrixOnDevice;
using test::OpOutput;

struct Passes {
  Matrix out, log_sum_exp, dqkv;
};

Matrix values_of(const MatrixOnDevice& on_device, const Matrix& like) {
  Matrix values = like;
  values.values = on_device.output(like).got;
  return values;
}

/// Both passes on the same inputs; what the backward pass gets is its own forward pass's.
Passes run(Attention& attention, const AttentionDims& d) {
  const std::int64_t out_cols = d.n_heads * d.d_head;
  const MatrixOnDevice qkv(test::random_matrix(d.rows(), d.qkv_cols(), 1), DType::bf16);
  const MatrixOnDevice dout(test::random_matrix(d.rows(), out_cols, 2), DType::bf16);
  const Matrix like_out(d.rows(), out_cols), like_lse(d.rows(), d.n_heads),
      like_qkv(d.rows(), d.qkv_cols());
  const MatrixOnDevice out(like_out, DType::bf16), lse(like_lse, DType::f32);
  const MatrixOnDevice dqkv(like_qkv, DType::bf16);
  const test::DeviceArray<std::byte> workspace(
      static_cast<std::size_t>(attention.workspace_bytes(d, DType::bf16)) + 1);
  attention.forward(qkv.tensor(), d, out.tensor(), lse.tensor(), workspace.data(), nullptr);
  attention.backward(qkv.tensor(), d, out.tensor(), lse.tensor(), dout.tensor(), dqkv.tensor(),
                     workspace.data(), nullptr);
  return {values_of(out, like_out), values_of(lse, like_lse), values_of(dqkv, like_qkv)};
}

OpOutput compared(const char* name, DType dtype, const Matrix& got, const Matrix& want) {
  return {name, dtype, got.cols, got.values, want.values};
}

void check_near(const AttentionDims& d, const Passes& cudnn, const Passes& own) {
  // Both round p and ds to bf16, at different points of the sum: 2e-6 each of NMSE beside exact
  // factors (attention_test.cc), and the outputs of both are rounded. With grouped queries cuDNN
  // rounds each head's part of dk and dv once more: 2^-9 / sqrt(3) squared, 1.3e-6.
  constexpr double kNmse = 8e-6;
  for (const OpOutput& output :
       {compared("out", DType::bf16, cudnn.out, own.out),
        compared("log_sum_exp", DType::f32, cudnn.log_sum_exp, own.log_sum_exp),
        compared("dqkv", DType::bf16, cudnn.dqkv, own.dqkv)}) {
    INFO(describe(test::case_name("cudnn", d.n_seqs, d.seq_len, d.n_heads, d.n_kv_heads, d.d_head),
                  output));
    CHECK(error_of(output).nmse <= kNmse);
  }
}

TEST_CASE("cuDNN's attention is near the own kernels'") {
  test::fresh_device();
  const auto cudnn = make_cudnn_attention();
  if (!cudnn) {
    WARN("no cuDNN 9.8 or later was found");
    return;
  }
  const auto own = make_own_attention();
  int n_compared = 0;
  for (const AttentionDims& d : {AttentionDims{2, 256, 4, 4, 64}, AttentionDims{2, 256, 8, 4, 64},
                                 AttentionDims{1, 512, 4, 1, 128}, AttentionDims{3, 192, 2, 2, 32},
                                 AttentionDims{1, 2048, 6, 6, 64}}) {
    if (!cudnn->has_forward(d, DType::bf16) || !cudnn->has_backward(d, DType::bf16)) continue;
    const Passes passes = run(*cudnn, d);
    check_near(d, passes, run(*own, d));
    const Passes again = run(*cudnn, d);
    CHECK(passes.out.values == again.out.values);
    CHECK(passes.dqkv.values == again.dqkv.values);
    ++n_compared;
  }
  WARN(n_compared << " shapes were taken by cuDNN");
}

}  // namespace
}  // namespace isoflop
