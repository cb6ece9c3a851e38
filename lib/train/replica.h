// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "isoflop/dataset.h"
#include "isoflop/run_spec.h"
#include "train/contract/backend.h"
#include "train/device/device_table.h"
#include "train/network/batch.h"
#include "train/network/parameters.h"
#include "train/network/transformer.h"
#include "train/optimizer/gradients.h"
#include "train/optimizer/measures.h"
#include "train/optimizer/shard_plan.h"
#include "train/optimizer/sharded_adamw.h"
#include "train/optimizer/step_measures.h"
#include "train/ranks/mesh.h"

namespace isoflop {

/// What one rank holds: its part of the weights, the gradients of the logical data-parallel ranks
/// it carries, and its share of the optimizer's state. The steps of training, each called by all
/// ranks together; none allocates.
class Replica {
 public:
  Replica(const RunSpec& spec, const Dataset& dataset, Mesh& mesh, Backend& backend);

  /// Starts step number `step`: gradients of its batch, summed over all logical ranks, AdamW, and
  /// the new weights, everywhere. Where a measure is not finite, the weights stay what they were,
  /// in later steps too.
  void start_step(std::int64_t step);
  /// What the first of the started steps measured; waits for it. At most steps_ahead() + 1 steps
  /// may have been started without.
  [[nodiscard]] StepMeasures finish_step();

  [[nodiscard]] ShardedAdamW& optimizer() { return optimizer_; }
  [[nodiscard]] Gradients& gradients() { return gradients_; }
  [[nodiscard]] Tensor weights() const;
  [[nodiscard]] const ModelTensors& model() const { return model_; }
  [[nodiscard]] const ParameterLayout& layout() const { return layout_; }
  [[nodiscard]] Backend& backend() { return backend_; }
  [[nodiscard]] Mesh& mesh() { return mesh_; }
  [[nodiscard]] Transformer& transformer() { return transformer_; }
  [[nodiscard]] Batch& batch() { return batch_; }

  /// Bytes that the object of one rank takes.
  [[nodiscard]] static std::int64_t size(const RunSpec& spec, TensorShard shard, int data_rank,
                                         int n_data);

 private:
  void load_batch(std::int64_t step);
  void compute_step();
  void compute_logical_rank(std::int64_t index);
  void measure();
  [[nodiscard]] Tensor sequence_losses() const;
  [[nodiscard]] Tensor small_batch_squares() const;

  const RunSpec& spec_;
  const Dataset& dataset_;
  Mesh& mesh_;
  Backend& backend_;
  ParameterLayout layout_;
  ShardPlan plan_;
  Range logical_ranks_;
  std::unique_ptr<Buffer> weight_memory_;
  ModelTensors model_;
  Gradients gradients_;
  ShardedAdamW optimizer_;
  Transformer transformer_;
  Batch batch_;
  Measures measures_;
  std::unique_ptr<Buffer> sums_;  // f64: of each sequence's losses, each logical rank's square
  DeviceTable<double> ones_;
  bool recordable_;
};

}  // namespace isoflop
