// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "train/network/parameters.h"
#include "train/optimizer/shard_plan.h"
#include "train/ranks/mesh.h"

namespace isoflop {

/// The gradients of the logical data-parallel ranks that one rank carries, an fp32 arena each, and
/// their sum over all logical ranks, in the order of these.
class Gradients {
 public:
  Gradients(Backend& backend, Mesh& mesh, const ModelShape& shape, const ParameterLayout& layout,
            const ShardPlan& plan, std::int64_t n_arenas);

  [[nodiscard]] Tensor arena(std::size_t i) const { return arenas_[i]; }
  [[nodiscard]] ModelTensors& views(std::size_t i) { return views_[i]; }

  /// The gradients of `layer` in arena `i` are final; arenas finish one after the other. With the
  /// last one their sum is started, while the backward pass goes on.
  void layer_done(std::size_t i, std::int64_t layer);
  /// All layers are done. Afterwards the plan's elements of arena 0 hold the sum over all logical
  /// ranks, the same bits for any number of ranks that carry them.
  void finish();

  [[nodiscard]] static std::int64_t size(const ParameterLayout& layout, std::int64_t n_arenas) {
    return n_arenas * layout.size() * size_of(DType::f32);
  }

 private:
  void start_sum(std::size_t bucket);

  Backend& backend_;
  Mesh& mesh_;
  const ParameterLayout& layout_;
  const ShardPlan& plan_;
  std::unique_ptr<Communicator> kv_;  // the ranks that hold the same key/value heads
  std::int64_t shared_rows_ = 0;      // of every qkv tensor, at its end
  std::vector<std::unique_ptr<Buffer>> memory_;
  std::vector<Tensor> arenas_;
  std::vector<ModelTensors> views_;
  std::vector<std::vector<Tensor>> contributions_;  // of each bucket
  std::vector<Range> shares_;                       // of each bucket, from its first element
};

}  // namespace isoflop
