// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "train/contract/communicator.h"
#include "train/ranks/tensor_shard.h"

namespace isoflop {

/// The ranks of one run as a grid: those of one row hold parts of one model (tensor parallel),
/// those of one column hold the same part and see other sequences (data parallel).
struct Mesh {
  /// World rank = data rank * n_tensor + tensor rank. Called by all ranks of `world` together.
  Mesh(Communicator& world_, int n_tensor)
      : world(world_),
        tensor(world.split(world.rank() / n_tensor)),
        data(world.split(world.rank() % n_tensor)) {}

  [[nodiscard]] TensorShard tensor_shard() const { return {tensor->rank(), tensor->size()}; }

  Communicator& world;
  std::unique_ptr<Communicator> tensor, data;
};

}  // namespace isoflop
