// SPDX-License-Identifier: Apache-2.0
#include "attention.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cuda/figure.h"
#include "cuda_error.h"
#include "device_under_test.h"
#include "kernels/attention.h"
#include "support/catch.h"
#include "support/op_cases.h"
#include "train/contract/backend.h"

namespace isoflop {
namespace {

using test::case_name;
using test::error_of;
using test::Matrix;
using test::OpError;
using test::OpOutput;
using test::random_matrix;
using test::stored_as;

/// A matrix in device memory, `offset` bytes behind an aligned address, guarded on both sides.
class DeviceMatrix {
 public:
  DeviceMatrix(DType dtype, const Matrix& values, std::size_t offset = 0)
      : tensor_{nullptr, dtype, values.rows, values.cols}, before_(kGuardBytes + offset) {
    std::vector<std::byte> bytes(n_bytes(), kGuard);
    encode(values.values, &bytes[before_]);
    ISOFLOP_CUDA(cudaMalloc(&memory_, bytes.size()));
    ISOFLOP_CUDA(cudaMemcpy(memory_, bytes.data(), bytes.size(), cudaMemcpyHostToDevice));
    tensor_.data = static_cast<std::byte*>(memory_) + before_;
  }
  DeviceMatrix(const DeviceMatrix&) = delete;
  DeviceMatrix& operator=(const DeviceMatrix&) = delete;
  ~DeviceMatrix() { (void)cudaFree(memory_); }

  [[nodiscard]] Tensor tensor() const { return tensor_; }
  [[nodiscard]] OpOutput compare(const std::string& name, const Matrix& want) const {
    std::vector<std::byte> bytes(n_bytes());
    ISOFLOP_CUDA(cudaMemcpy(bytes.data(), memory_, bytes.size(), cudaMemcpyDeviceToHost));
    OpOutput output{name, tensor_.dtype, tensor_.cols, decode(&bytes[before_]), want.values};
    const auto after = before_ + static_cast<std::size_t>(tensor_.size() * size_of(tensor_.dtype));
    for (std::size_t i = 0; i < bytes.size(); ++i)
      if ((i < before_ || i >= after) && bytes[i] != kGuard) output.guards_intact = false;
    return output;
  }

 private:
  static constexpr std::size_t kGuardBytes = 256;
  static constexpr std::byte kGuard{0xa5};

  [[nodiscard]] std::size_t n_bytes() const {
    return before_ + static_cast<std::size_t>(tensor_.size() * size_of(tensor_.dtype)) +
           kGuardBytes;
  }
  void encode(const std::vector<double>& values, std::byte* to) const {
    for (const double value : values) {
      const auto x = static_cast<float>(value);
      const std::uint16_t half = round_to_bf16(x);
      const auto size = static_cast<std::size_t>(size_of(tensor_.dtype));
      std::memcpy(to, tensor_.dtype == DType::bf16 ? static_cast<const void*>(&half) : &x, size);
      to += size;
    }
  }
  [[nodiscard]] std::vector<double> decode(const std::byte* from) const {
    std::vector<double> values;
    for (std::int64_t i = 0; i < tensor_.size(); ++i) {
      float x = 0;
      std::uint16_t half = 0;
      if (tensor_.dtype == DType::bf16) {
        std::memcpy(&half, from + 2 * i, 2);
        x = lift_bf16(half);
      } else {
        std::memcpy(&x, from + 4 * i, 4);
      }
      values.push_back(static_cast<double>(x));
    }
    return values;
  }

  Tensor tensor_;
  std::size_t before_;
  void* memory_ = nullptr;
};

struct Problem {
  AttentionDims dims;
  DType dtype;
  Matrix qkv, out, log_sum_exp, dout;  // out and log_sum_exp of the reference, as stored

  Problem(const AttentionDims& d, DType type, double size = 1)
      : dims(d),
        dtype(type),
        qkv(stored_as(type, random_matrix(d.rows(), d.qkv_cols(), 1, size))),
        dout(stored_as(type, random_matrix(d.rows(), d.n_heads * d.d_head, 2))) {
    const auto want = test::reference::attention(qkv, d);
    out = stored_as(type, want.out);
    log_sum_exp = stored_as(DType::f32, want.log_sum_exp);
  }
};

std::string name_of(const Problem& p) {
  return case_name(p.dtype == DType::bf16 ? "bf16" : "f32", p.dims.n_seqs, p.dims.seq_len,
                   p.dims.n_heads, p.dims.n_kv_heads, p.dims.d_head);
}

Matrix nothing(std::int64_t rows, std::int64_t cols) { return {rows, cols, NAN}; }

struct Workspace {
  explicit Workspace(std::int64_t n_bytes) : memory(DType::f32, nothing((n_bytes + 3) / 4, 1)) {}
  DeviceMatrix memory;
};

bool equal_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
  });
}

/// out and log_sum_exp; dqkv of the problem's own out and log_sum_exp.
std::vector<OpOutput> run(Attention& attention, const Problem& p, std::size_t offset = 0) {
  const AttentionDims& d = p.dims;
  const DeviceMatrix qkv(p.dtype, p.qkv, offset), dout(p.dtype, p.dout, offset);
  const DeviceMatrix stored_out(p.dtype, p.out, offset);
  const DeviceMatrix stored_log_sum_exp(DType::f32, p.log_sum_exp);
  const DeviceMatrix out(p.dtype, nothing(d.rows(), d.n_heads * d.d_head), offset);
  const DeviceMatrix log_sum_exp(DType::f32, nothing(d.rows(), d.n_heads));
  const DeviceMatrix dqkv(p.dtype, nothing(d.rows(), d.qkv_cols()), offset);
  const Workspace workspace(attention.workspace_bytes(d, p.dtype));
  void* const memory = workspace.memory.tensor().data;
  attention.forward(qkv.tensor(), d, out.tensor(), log_sum_exp.tensor(), memory, nullptr);
  attention.backward(qkv.tensor(), d, stored_out.tensor(), stored_log_sum_exp.tensor(),
                     dout.tensor(), dqkv.tensor(), memory, nullptr);
  const auto want = test::reference::attention(p.qkv, d);
  const Matrix gradient =
      test::reference::attention_backward(p.qkv, d, p.out, p.log_sum_exp, p.dout);
  std::vector<OpOutput> outputs{out.compare("out", want.out),
                                log_sum_exp.compare("log_sum_exp", want.log_sum_exp),
                                dqkv.compare("dqkv", gradient)};
  CHECK(workspace.memory.compare("workspace", {}).guards_intact);
  CHECK(equal_bits(qkv.compare("qkv", p.qkv).got, p.qkv.values));
  return outputs;
}

struct Tolerance {
  double nmse, worst;
};
// As tests/train/device/ops_test.cc: sums of products in f32, one rounding of the output, which the
// error leaves out.
constexpr Tolerance kExact{1e-12, 1e-5};
// On tensor cores p and ds are rounded to bf16 before they are multiplied, each off by at most 2^-9
// = 2e-3 of itself, 2^-9 / sqrt(3) = 1.1e-3 in the root mean square: 1.3e-6 squared, of a sum of
// independent terms as of each. What the rounding of the output explains is left out. A single
// element is off by that part of its terms: of the first keys, which all queries see, they are far
// larger than the root mean square of the matrix that errors are relative to. Measured: NMSE 1e-6,
// worst element 0.026. log_sum_exp is exact.
constexpr Tolerance kRoundedFactors{2e-6, 1.0 / 16};

Tolerance tolerance_of(const Problem& p, const OpOutput& output, std::size_t offset) {
  const bool tensor_cores = p.dtype == DType::bf16 && p.dims.d_head % 8 == 0 && offset % 16 == 0;
  return tensor_cores && output.dtype == DType::bf16 ? kRoundedFactors : kExact;
}

/// The largest NMSE.
double check_agrees(Attention& attention, const Problem& p, std::size_t offset = 0) {
  double worst_nmse = 0;
  for (const OpOutput& output : run(attention, p, offset)) {
    const OpError error = error_of(output);
    const Tolerance tolerance = tolerance_of(p, output, offset);
    INFO(describe(name_of(p), output) << ", offset " << offset);
    CHECK(output.guards_intact);
    CHECK(error.nmse <= tolerance.nmse);
    CHECK(error.worst <= tolerance.worst);
    worst_nmse = std::max(worst_nmse, error.nmse);
  }
  return worst_nmse;
}

/// Beside those of the table of operations: every size of a head that has a kernel of its own and
/// one below each; lengths around the tiles of 32, 64 and 128 rows; one, some and all queries of a
/// key.
std::vector<AttentionDims> dims_around_tiles() {
  return {{1, 7, 1, 1, 32},   {2, 63, 2, 1, 64},  {1, 64, 2, 2, 64},   {1, 65, 4, 1, 64},
          {1, 129, 2, 1, 32}, {1, 200, 3, 1, 64}, {2, 129, 1, 1, 128}, {1, 97, 2, 2, 96},
          {1, 66, 2, 1, 80},  {1, 33, 2, 1, 112}, {3, 1, 4, 2, 64},    {1, 40, 1, 1, 136}};
}

TEST_CASE("attention on a GPU agrees with its double-precision reference") {
  test::fresh_device();
  const auto attention = make_own_attention();
  for (const DType dtype : {DType::f32, DType::bf16}) {
    double worst_nmse = 0;
    for (const auto& all : {test::attention_dims(), dims_around_tiles()})
      for (const AttentionDims& d : all)
        worst_nmse = std::max(worst_nmse, check_agrees(*attention, Problem(d, dtype)));
    test::print_figure(dtype == DType::bf16 ? "attention_nmse_bf16" : "attention_nmse_fp32",
                       worst_nmse);
  }
}

TEST_CASE("attention takes tensors of any alignment") {
  test::fresh_device();
  const auto attention = make_own_attention();
  const AttentionDims dims{2, 37, 4, 2, 16};
  for (const std::size_t offset : {2, 6, 8})
    check_agrees(*attention, Problem(dims, DType::bf16), offset);
  check_agrees(*attention, Problem(dims, DType::f32), 4);
}

TEST_CASE("attention holds scores that are far apart") {
  test::fresh_device();
  const auto attention = make_own_attention();
  // Scores of hundreds: exp of them overflows, and most probabilities are 0. Nearly all weight lies
  // on one key, and the gradient of the scores is a difference of nearly equal numbers: an absolute
  // error of 2^-24 of a score of 300 is a relative one of 2e-5 of a probability.
  const Problem p({1, 70, 2, 1, 64}, DType::f32, 7);
  for (const OpOutput& output : run(*attention, p)) {
    INFO(describe(name_of(p), output));
    CHECK(error_of(output).nmse <= 1e-9);
  }
}

TEST_CASE("attention gives equal bits whatever the order of blocks and threads") {
  const auto attention = make_own_attention();
  for (const Problem& p :
       {Problem({2, 140, 2, 1, 64}, DType::bf16), Problem({1, 70, 2, 1, 128}, DType::bf16),
        Problem({1, 70, 2, 1, 32}, DType::f32)}) {
    test::fresh_device();
    const auto first = run(*attention, p);
    for (const std::uint64_t seed : {1, 2}) {
      test::set_order(seed);
      const auto again = run(*attention, p);
      INFO(name_of(p) << ", seed " << seed);
      for (std::size_t i = 0; i < first.size(); ++i) CHECK(equal_bits(first[i].got, again[i].got));
    }
  }
}

TEST_CASE("attention on tensor cores and without give the same but for rounded factors") {
  test::fresh_device();
  const auto attention = make_own_attention();
  const Problem p({1, 220, 4, 2, 64}, DType::bf16);
  const auto plain = run(*attention, p, 2), fast = run(*attention, p, 0);
  for (std::size_t i = 0; i < fast.size(); ++i) {
    OpOutput output = fast[i];
    output.want = plain[i].got;  // rounded itself: 2^-9 more
    INFO(describe(name_of(p), output));
    CHECK(error_of(output).nmse <= 2 * kRoundedFactors.nmse);
  }
}

std::int64_t n_not_finite(const std::vector<double>& values) {
  std::int64_t n = 0;
  for (const double value : values) n += !std::isfinite(value);
  return n;
}

TEST_CASE("a NaN or an infinity in any input of attention shows in what it writes") {
  test::fresh_device();
  const auto attention = make_own_attention();
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const Problem sound({1, 67, 1, 1, 16}, dtype);
    for (const double value : {static_cast<double>(NAN), HUGE_VAL, -HUGE_VAL})
      for (const std::int64_t row : {0, 66}) {
        // Queries, keys, values: the last row is seen by one query alone, and one of the infinities
        // makes its score the least.
        for (const std::int64_t col : {3, 19, 37}) {
          Problem p = sound;
          p.qkv(row, col) = value;
          const auto outputs = run(*attention, p);
          INFO(name_of(p) << ": qkv(" << row << ", " << col << ") = " << value);
          CHECK(n_not_finite(outputs[0].got) > 0);
          CHECK(n_not_finite(outputs[2].got) > 0);
        }
        Problem with_out = sound, with_dout = sound, with_log_sum_exp = sound;
        with_out.out(row, 5) = value;
        with_dout.dout(row, 5) = value;
        with_log_sum_exp.log_sum_exp(row, 0) = value;
        for (const Problem& p : {with_out, with_dout, with_log_sum_exp})
          CHECK(n_not_finite(run(*attention, p)[2].got) > 0);
      }
  }
}

TEST_CASE("attention of no sequences writes nothing") {
  test::fresh_device();
  const auto attention = make_own_attention();
  const AttentionDims dims{0, 16, 2, 1, 64};
  for (const DType dtype : {DType::f32, DType::bf16}) (void)run(*attention, Problem(dims, dtype));
}

TEST_CASE("FLOPs of attention are those that the CPU backend counts") {
  const AttentionDims dims{2, 19, 3, 1, 10};
  const Problem p(dims, DType::f32);
  const auto cpu = make_cpu_backend();
  test::OpRun run(*cpu, DType::f32);
  const Tensor qkv = run.input("qkv", p.qkv), out = run.input("out", p.out);
  const Tensor log_sum_exp = run.input("log_sum_exp", p.log_sum_exp);
  cpu->attention_forward(qkv, dims, out, log_sum_exp);
  CHECK(cpu->counted_flops() == attention_forward_flops(dims));
  cpu->attention_backward(qkv, dims, out, log_sum_exp, run.input("dout", p.dout),
                          run.output("dqkv", p.qkv));
  CHECK(cpu->counted_flops() == attention_forward_flops(dims) + attention_backward_flops(dims));
}

}  // namespace
}  // namespace isoflop
