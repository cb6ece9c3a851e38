// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/launch_shape.cuh"
#include "train/contract/backend.h"

namespace isoflop {

/// What kernels need of an attention problem; strides in elements.
struct AttentionShape {
  int seq_len, n_heads, n_kv_heads, d_head;
  int qkv_stride, out_stride;
  float softmax_scale;  // 1 / sqrt(d_head)

  explicit AttentionShape(const AttentionDims& dims)
      : seq_len(static_cast<int>(dims.seq_len)),
        n_heads(static_cast<int>(dims.n_heads)),
        n_kv_heads(static_cast<int>(dims.n_kv_heads)),
        d_head(static_cast<int>(dims.d_head)),
        qkv_stride(static_cast<int>(dims.qkv_cols())),
        out_stride(static_cast<int>(dims.n_heads * dims.d_head)),
        softmax_scale(static_cast<float>(1 / std::sqrt(static_cast<double>(dims.d_head)))) {}
};

/// Rows per sequence and head of the backward pass's workspace lse_delta [n_seqs, H, rounded] of
/// {log_sum_exp, delta}: seq_len rounded up, so that whole tiles can be copied.
inline constexpr int kSeqLenMultiple = 64;
[[nodiscard]] constexpr std::int64_t seq_len_rounded(const AttentionDims& dims) {
  return round_up(dims.seq_len, kSeqLenMultiple);
}

}  // namespace isoflop
