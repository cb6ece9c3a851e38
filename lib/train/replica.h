// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "isoflop/dataset.h"
#include "isoflop/run_spec.h"
#include "train/backend.h"
#include "train/batch.h"
#include "train/device_table.h"
#include "train/gradients.h"
#include "train/measures.h"
#include "train/mesh.h"
#include "train/parameters.h"
#include "train/shard_plan.h"
#include "train/sharded_adamw.h"
#include "train/transformer.h"

namespace isoflop {

/// Euclidean norms over the whole model, infinite or NaN where any element is.
struct Norms {
  double gradient = 0, weights = 0;
  double unshared_gradient = 0;  // over what one tensor-parallel rank alone holds
};

/// What one optimizer step measured before it updated anything.
struct StepMeasures {
  double loss = 0;  // mean over the batch [nats]
  Norms norms;
  /// Mean over the logical ranks of |g|^2 of their first micro-batch alone, over unshared
  /// parameters; for the gradient noise scale.
  double small_batch_square = 0;

  /// What updates go by, on whatever device.
  [[nodiscard]] bool is_finite() const {
    return std::isfinite(loss) && std::isfinite(norms.gradient) && std::isfinite(norms.weights) &&
           std::isfinite(norms.unshared_gradient) && std::isfinite(small_batch_square);
  }
};

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
