// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "train/contract/communicator.h"

namespace isoflop {

/// How tensor-parallel ranks share the residual stream (arXiv:2205.05198): each keeps a share of
/// the rows, norms included; before a layer whose weights are split all ranks get all rows, after
/// it their partial sums are added and dealt out. The backward pass of one is the other. With one
/// rank nothing is left of it.
class SequenceParallel {
 public:
  SequenceParallel(Backend& backend, Communicator& communicator)
      : backend_(backend), communicator_(communicator) {}

  /// This rank's rows of `x` [R, ...].
  [[nodiscard]] Tensor mine(Tensor x) const {
    if (x.data == nullptr) return x;
    const Range rows = share_of(x.rows, communicator_.rank(), communicator_.size());
    return x.slice(rows.begin, rows.size());
  }
  /// Each rank has its own rows; afterwards all have all.
  void gather(Tensor x) {
    const Range rows = share_of(x.rows, communicator_.rank(), communicator_.size());
    communicator_.all_gather(backend_, x, {&rows, 1});
  }
  /// Each rank has a term of all rows; afterwards each has the sum of its own.
  void scatter_sum(Tensor x) {
    reduce_scatter(communicator_, backend_, x,
                   share_of(x.rows, communicator_.rank(), communicator_.size()));
  }
  [[nodiscard]] Communicator& communicator() { return communicator_; }

 private:
  Backend& backend_;
  Communicator& communicator_;
};

}  // namespace isoflop
