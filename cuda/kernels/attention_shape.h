// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "train/contract/backend.h"

namespace isoflop {

/// What kernels need of an attention problem; strides in elements.
struct AttentionShape {
  int seq_len, n_heads, n_kv_heads, d_head;
  int qkv_stride, out_stride;
  float scale;  // of the scores

  explicit AttentionShape(const AttentionDims& dims)
      : seq_len(static_cast<int>(dims.seq_len)),
        n_heads(static_cast<int>(dims.n_heads)),
        n_kv_heads(static_cast<int>(dims.n_kv_heads)),
        d_head(static_cast<int>(dims.d_head)),
        qkv_stride(static_cast<int>(dims.qkv_cols())),
        out_stride(static_cast<int>(dims.n_heads * dims.d_head)),
        scale(static_cast<float>(1 / std::sqrt(static_cast<double>(dims.d_head)))) {}
};

/// Rows of the backward pass's workspace per sequence and head.
inline constexpr int kStatisticsTile = 64;
[[nodiscard]] constexpr std::int64_t n_tiles(std::int64_t n_rows, std::int64_t tile) {
  return (n_rows + tile - 1) / tile;
}

}  // namespace isoflop
