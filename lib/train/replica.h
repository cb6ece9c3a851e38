// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "isoflop/dataset.h"
#include "isoflop/run_spec.h"
#include "train/backend.h"
#include "train/batch.h"
#include "train/gradients.h"
#include "train/mesh.h"
#include "train/parameters.h"
#include "train/shard_plan.h"
#include "train/sharded_adamw.h"
#include "train/transformer.h"

namespace isoflop {

/// What one optimizer step measured before it updated anything.
struct StepMeasures {
  double loss = 0;  // mean over the batch [nats]
  Norms norms;
  /// Mean over the logical ranks of |g|^2 of their first micro-batch alone, over unshared
  /// parameters; for the gradient noise scale.
  double small_batch_square = 0;
};

/// What one rank holds: its part of the weights, the gradients of the logical data-parallel ranks
/// it carries, and its share of the optimizer's state. The steps of training, each called by all
/// ranks together; none allocates.
class Replica {
 public:
  Replica(const RunSpec& spec, const Dataset& dataset, Mesh& mesh,
          std::unique_ptr<Backend> backend);

  /// Gradients of batch number `step`, summed over all logical ranks.
  [[nodiscard]] StepMeasures compute_gradients(std::int64_t step);
  /// AdamW and the new weights, everywhere.
  void update(std::int64_t step, double gradient_norm) {
    optimizer_.update(gradients_.arena(0), gradient_norm, step);
  }

  [[nodiscard]] ShardedAdamW& optimizer() { return optimizer_; }
  [[nodiscard]] Gradients& gradients() { return gradients_; }
  [[nodiscard]] Tensor weights() const;
  [[nodiscard]] const ModelTensors& model() const { return model_; }
  [[nodiscard]] const ParameterLayout& layout() const { return layout_; }
  [[nodiscard]] Backend& backend() { return *backend_; }
  [[nodiscard]] Mesh& mesh() { return mesh_; }
  [[nodiscard]] Transformer& transformer() { return transformer_; }
  [[nodiscard]] Batch& batch() { return batch_; }

  /// Bytes that the objects of all ranks take, n_tensor of them for each of n_data.
  [[nodiscard]] static std::int64_t size(const RunSpec& spec, int n_tensor, int n_data);

 private:
  void compute_logical_rank(std::int64_t index);
  [[nodiscard]] double gather_batch_loss();
  [[nodiscard]] double gather_small_batch_square();

  const RunSpec& spec_;
  const Dataset& dataset_;
  Mesh& mesh_;
  std::unique_ptr<Backend> backend_;
  ParameterLayout layout_;
  ShardPlan plan_;
  Range logical_ranks_;
  std::unique_ptr<Buffer> weight_memory_;
  ModelTensors model_;
  Gradients gradients_;
  ShardedAdamW optimizer_;
  Transformer transformer_;
  Batch batch_;
  std::vector<Range> unshared_;  // elements that this rank alone holds
  std::vector<double> unshared_squares_;
  std::vector<double> sequence_losses_, small_batch_squares_;  // of the whole batch, of all ranks
};

}  // namespace isoflop
