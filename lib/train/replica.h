// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "isoflop/dataset.h"
#include "isoflop/run_spec.h"
#include "train/backend.h"
#include "train/batch.h"
#include "train/checkpoint.h"
#include "train/communicator.h"
#include "train/parameters.h"
#include "train/range.h"
#include "train/transformer.h"

namespace isoflop {

/// What one rank holds: all weights, the gradients of the logical data-parallel ranks it carries,
/// and its shard of the optimizer's moments. The steps of training, each called by all ranks
/// together; none allocates. Equal bits for any number of ranks.
class Replica {
 public:
  Replica(const RunSpec& spec, const Dataset& dataset, Communicator& communicator,
          std::unique_ptr<Backend> backend);

  /// Weights from the spec's seed, moments zero.
  void initialize();

  /// Gradients of batch number `step`, each logical rank's in its own arena. Mean loss [nats].
  [[nodiscard]] double compute_gradients(std::int64_t step);
  /// Sums the logical ranks' gradients, in fp32 in their order, each rank its shard. Global norm.
  [[nodiscard]] double reduce_gradients();
  /// AdamW (arXiv:1711.05101) on the shard with gradients clipped to spec.grad_clip; all weights.
  void update(std::int64_t step, double grad_norm);

  void load(CheckpointReader& checkpoint);
  /// One rank after the other; `checkpoint` is one object for all.
  void save(CheckpointWriter& checkpoint);

  [[nodiscard]] Tensor weights() const;
  [[nodiscard]] const ModelTensors& model() const { return model_; }
  [[nodiscard]] const ParameterLayout& layout() const { return layout_; }
  [[nodiscard]] Backend& backend() { return *backend_; }
  [[nodiscard]] Communicator& communicator() { return communicator_; }
  [[nodiscard]] Transformer& transformer() { return transformer_; }
  [[nodiscard]] Batch& batch() { return batch_; }

  /// Bytes that the object of `rank` among `n_ranks` takes.
  [[nodiscard]] static std::int64_t size(const RunSpec& spec, int rank, int n_ranks);

 private:
  /// Calls visit(range, values) for pieces of `range`, through a buffer on the host.
  template <class Visit>
  void in_pieces(Range range, Visit visit);
  void write_section(CheckpointWriter& checkpoint, Tensor values, Range range);
  void read_section(CheckpointReader& checkpoint, Section section, Tensor values, Range range);
  void compute_logical_rank(std::int64_t index);
  [[nodiscard]] double gather_batch_loss();

  const RunSpec& spec_;
  const Dataset& dataset_;
  Communicator& communicator_;
  std::unique_ptr<Backend> backend_;
  ParameterLayout layout_;
  Range logical_ranks_, shard_, chunks_;
  std::unique_ptr<Buffer> weights_, first_moment_, second_moment_;
  std::vector<std::unique_ptr<Buffer>> gradient_memory_;  // one arena per logical rank carried
  std::vector<Tensor> gradients_;
  std::vector<ModelTensors> gradient_views_;
  ModelTensors model_;
  Tensor gradient_sum_;  // of the shard
  Transformer transformer_;
  Batch batch_;
  std::vector<double> sequence_losses_, chunk_norms_;  // of the whole batch, of all chunks
  std::vector<float> piece_;
};

}  // namespace isoflop
