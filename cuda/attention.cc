// SPDX-License-Identifier: Apache-2.0
#include "attention.h"

#include <cuda_bf16.h>

#include "cudnn_attention.h"
#include "isoflop/error.h"
#include "kernels/attention.h"
#include "kernels/attention_plain.h"

namespace isoflop {
namespace {

/// On tensor cores where type, shape and alignment permit it.
class OwnAttention final : public Attention {
 public:
  std::int64_t workspace_bytes(const AttentionDims& dims, DType) const override {
    return attention_backward_workspace_bytes(dims);
  }

  void forward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp, void*,
               cudaStream_t stream) override {
    check(dims);
    if (attention_fits_tensor_cores(dims, qkv) && attention_fits_tensor_cores(dims, out))
      return launch_attention_forward(qkv, dims, out, log_sum_exp, stream);
    const auto launch_plain = qkv.dtype == DType::bf16
                                  ? launch_attention_plain_forward<__nv_bfloat16>
                                  : launch_attention_plain_forward<float>;
    launch_plain(qkv, dims, out, log_sum_exp, stream);
  }

  void backward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp, Tensor dout,
                Tensor dqkv, void* workspace, cudaStream_t stream) override {
    check(dims);
    bool fits = true;
    for (const Tensor tensor : {qkv, out, dout, dqkv})
      fits = fits && attention_fits_tensor_cores(dims, tensor);
    const auto launch_any = fits ? launch_attention_backward
                            : qkv.dtype == DType::bf16
                                ? launch_attention_plain_backward<__nv_bfloat16>
                                : launch_attention_plain_backward<float>;
    launch_any(qkv, dims, out, log_sum_exp, dout, dqkv, workspace, stream);
  }

 private:
  static void check(const AttentionDims& dims) {
    if (dims.d_head > kPlainAttentionMaxHead)
      throw Error(ErrorCode::device, "attention on CUDA: d_head must be at most " +
                                         std::to_string(kPlainAttentionMaxHead) + ", got " +
                                         std::to_string(dims.d_head));
  }
};

/// cuDNN where it takes the problem.
class EitherAttention final : public Attention {
 public:
  EitherAttention(std::unique_ptr<CudnnAttention> cudnn, std::unique_ptr<Attention> own)
      : cudnn_(std::move(cudnn)), own_(std::move(own)) {}

  std::int64_t workspace_bytes(const AttentionDims& dims, DType dtype) const override {
    return chosen(dims, dtype).workspace_bytes(dims, dtype);
  }
  void forward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
               void* workspace, cudaStream_t stream) override {
    chosen(dims, qkv.dtype).forward(qkv, dims, out, log_sum_exp, workspace, stream);
  }
  void backward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp, Tensor dout,
                Tensor dqkv, void* workspace, cudaStream_t stream) override {
    chosen(dims, qkv.dtype).backward(qkv, dims, out, log_sum_exp, dout, dqkv, workspace, stream);
  }

 private:
  [[nodiscard]] Attention& chosen(const AttentionDims& dims, DType dtype) const {
    return cudnn_->takes(dims, dtype) ? *cudnn_ : *own_;
  }

  std::unique_ptr<CudnnAttention> cudnn_;
  std::unique_ptr<Attention> own_;
};

}  // namespace

std::unique_ptr<Attention> make_own_attention() { return std::make_unique<OwnAttention>(); }

std::unique_ptr<Attention> make_attention() {
  if (auto cudnn = make_cudnn_attention())
    return std::make_unique<EitherAttention>(std::move(cudnn), make_own_attention());
  return make_own_attention();
}

}  // namespace isoflop
