// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/model_shape.h"
#include "train/contract/range.h"

namespace isoflop {

/// Which part of every layer a rank holds: number `rank` of `size` (tensor parallelism as in
/// Megatron-LM, arXiv:1909.08053: attention by heads, FFN by columns, vocabulary by rows).
struct TensorShard {
  int rank = 0, size = 1;

  /// Share of `n` columns, heads or rows; shares differ by one at most.
  [[nodiscard]] Range share(std::int64_t n) const { return share_of(n, rank, size); }
  [[nodiscard]] Range query_heads(const ModelShape& shape) const;
  /// The key/value heads those queries need: a share of them, or, where there are fewer than ranks,
  /// one that several ranks hold.
  [[nodiscard]] Range kv_heads(const ModelShape& shape) const;
  /// How many ranks hold each key/value head.
  [[nodiscard]] int kv_replicas(const ModelShape& shape) const;
  /// The sizes of this rank's part: heads, d_ff and vocabulary; all else is whole.
  [[nodiscard]] ModelShape local_shape(const ModelShape& shape) const;
};

/// Throws Error(invalid_argument) where the heads of `shape` cannot be dealt out to `n_ranks`: the
/// key/value heads must divide by the ranks, or the ranks by them and the query heads by the ranks.
void check_tensor_parallel(const ModelShape& shape, int n_ranks);

}  // namespace isoflop
