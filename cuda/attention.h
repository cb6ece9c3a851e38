// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// Causal attention with grouped queries, as attention_forward and attention_backward of
/// train/contract/backend.h, enqueued on a stream. Tensors are all f32 or all bf16, but log_sum_exp
/// (f32). Equal inputs give equal bits.
class Attention {
 public:
  virtual ~Attention() = default;
  /// Bytes of device memory, aligned to 256, that both passes may write. To be asked before the
  /// passes are captured into a graph: the first time for a problem, plans are made.
  [[nodiscard]] virtual std::int64_t workspace_bytes(const AttentionDims& dims,
                                                     DType dtype) const = 0;
  virtual void forward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                       void* workspace, cudaStream_t stream) = 0;
  virtual void backward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                        Tensor dout, Tensor dqkv, void* workspace, cudaStream_t stream) = 0;
};

/// cuDNN's for each pass that it takes, where it is found, else our own. For the current device.
[[nodiscard]] std::unique_ptr<Attention> make_attention();
/// The kernels of kernels/attention*.h.
[[nodiscard]] std::unique_ptr<Attention> make_own_attention();

/// Pairs of a query and a key that it sees.
[[nodiscard]] constexpr std::int64_t attention_pairs(const AttentionDims& dims) {
  return dims.n_seqs * dims.n_heads * (dims.seq_len * (dims.seq_len + 1) / 2);
}
/// What Backend::counted_flops adds: q k^T and p v; dp, dv, dq and dk. Neither masked pairs nor
/// scores that are computed again count. 2 FLOPs per multiply-accumulate, of 2 and of 4 products.
[[nodiscard]] constexpr std::int64_t attention_forward_flops(const AttentionDims& dims) {
  return 4 * (dims.d_head * attention_pairs(dims));
}
[[nodiscard]] constexpr std::int64_t attention_backward_flops(const AttentionDims& dims) {
  return 8 * (dims.d_head * attention_pairs(dims));
}

}  // namespace isoflop
