// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>

#include "train/backend.h"
#include "train/range.h"

namespace isoflop {

/// What the ranks of one run say to each other. Every rank makes the same calls in the same order.
/// All results are the same bits for any number of ranks that carry the same contributions.
class Communicator {
 public:
  virtual ~Communicator() = default;
  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;
  /// Returns when all ranks have called it.
  virtual void barrier() = 0;
  /// Every rank has filled its own range; afterwards every rank holds all of them.
  virtual void all_gather(std::span<double> values, Range mine) = 0;
  virtual void all_gather(Backend& backend, Tensor values, Range mine) = 0;
  /// The sum of all contributions of all ranks, in rank order and within a rank in the order given,
  /// for the elements `mine`: a view that is valid until the contributions are written to, which
  /// the sum may overwrite. Tensors [n, 1], the ranges of all ranks disjoint.
  [[nodiscard]] virtual Tensor reduce_scatter(Backend& backend,
                                              std::span<const Tensor> contributions,
                                              Range mine) = 0;
};

/// Rank 0's value, everywhere.
[[nodiscard]] inline double broadcast(Communicator& communicator, double value) {
  communicator.all_gather(std::span(&value, 1), {0, communicator.rank() == 0 ? 1 : 0});
  return value;
}

/// Calls `turn` on one rank after the other.
inline void in_turn(Communicator& communicator, const std::function<void()>& turn) {
  for (int i = 0; i < communicator.size(); ++i) {
    if (i == communicator.rank()) turn();
    communicator.barrier();
  }
}

}  // namespace isoflop
