// SPDX-License-Identifier: Apache-2.0
#include "train/replica.h"

#include <utility>

namespace isoflop {
namespace {

Range logical_ranks_of(const RunSpec& spec, int rank, int n_ranks) {
  return share_of(spec.data_parallel, rank, n_ranks);
}

std::int64_t seqs_per_logical_rank(const RunSpec& spec) {
  return spec.batch_seqs() / spec.data_parallel;
}

std::vector<Range> unshared_elements(const ShardPlan& plan) {
  std::vector<Range> elements;
  for (const Unit& unit : plan.units()) {
    if (!unit.shared) elements.push_back(unit.elements);
  }
  return elements;
}

}  // namespace

Replica::Replica(const RunSpec& spec, const Dataset& dataset, Mesh& mesh,
                 std::unique_ptr<Backend> backend)
    : spec_(spec),
      dataset_(dataset),
      mesh_(mesh),
      backend_(std::move(backend)),
      layout_(spec.shape, mesh.tensor_shard()),
      plan_(spec, layout_, mesh.data->rank(), mesh.data->size()),
      logical_ranks_(logical_ranks_of(spec, mesh.data->rank(), mesh.data->size())),
      weight_memory_(backend_->allocate(layout_.size() * size_of(storage_type(spec.precision)))),
      model_(view_tensors(layout_, weights())),
      gradients_(*backend_, mesh, spec.shape, layout_, plan_, logical_ranks_.size()),
      optimizer_(spec, *backend_, mesh, layout_, plan_, weights()),
      transformer_(*backend_, *mesh.tensor, spec.shape, storage_type(spec.precision),
                   spec.micro_batch_seqs),
      batch_(*backend_, spec.shape.seq_len, logical_ranks_.size() * seqs_per_logical_rank(spec)),
      unshared_(unshared_elements(plan_)),
      unshared_squares_(unshared_.size()),
      sequence_losses_(static_cast<std::size_t>(spec.batch_seqs())),
      small_batch_squares_(static_cast<std::size_t>(spec.data_parallel)) {}

Tensor Replica::weights() const {
  return {weight_memory_->data(), storage_type(spec_.precision), layout_.size(), 1};
}

StepMeasures Replica::compute_gradients(std::int64_t step) {
  const std::int64_t per_rank = seqs_per_logical_rank(spec_);
  const std::int64_t first = step * spec_.batch_seqs() + logical_ranks_.begin * per_rank;
  batch_.load(logical_ranks_.size() * per_rank, [&](std::int64_t i, std::span<std::int32_t> out) {
    dataset_.train_sequence(spec_.seed, first + i, out);
  });
  for (std::int64_t i = 0; i < logical_ranks_.size(); ++i) compute_logical_rank(i);
  gradients_.finish();
  StepMeasures measures;
  measures.loss = gather_batch_loss();
  measures.norms = optimizer_.measure(gradients_.arena(0));
  measures.small_batch_square = gather_small_batch_square();
  return measures;
}

void Replica::compute_logical_rank(std::int64_t index) {
  const auto i = static_cast<std::size_t>(index);
  const std::int64_t n_seqs = seqs_per_logical_rank(spec_), micro_batch = spec_.micro_batch_seqs;
  const std::int64_t begin = index * n_seqs, end = begin + n_seqs;
  const float weight = 1.0f / static_cast<float>(spec_.batch_tokens);
  const Transformer::LayerDone layer_done = [this, i](std::int64_t layer) {
    gradients_.layer_done(i, layer);
  };
  backend_->zero(gradients_.arena(i));
  for (std::int64_t s = begin; s < end; s += micro_batch) {
    const bool last = s + micro_batch >= end;
    transformer_.accumulate_gradients(model_, batch_.tokens(s, micro_batch),
                                      batch_.targets(s, micro_batch), weight, gradients_.views(i),
                                      batch_.losses(s, micro_batch),
                                      last ? layer_done : Transformer::LayerDone{});
    if (s > begin) continue;
    backend_->squared_norms(gradients_.arena(i), unshared_, unshared_squares_);
    double square = 0;
    for (const double part : unshared_squares_) square += part;
    small_batch_squares_[static_cast<std::size_t>(logical_ranks_.begin + index)] = square;
  }
}

double Replica::gather_batch_loss() {
  batch_.fetch_losses();
  const std::int64_t per_rank = seqs_per_logical_rank(spec_);
  const Range mine{logical_ranks_.begin * per_rank, logical_ranks_.end * per_rank};
  for (std::int64_t s = mine.begin; s < mine.end; ++s) {
    double sum = 0;
    for (const float loss : batch_.host_losses(s - mine.begin)) sum += static_cast<double>(loss);
    sequence_losses_[static_cast<std::size_t>(s)] = sum;
  }
  mesh_.data->all_gather(sequence_losses_, {&mine, 1});
  double total = 0;
  for (const double sum : sequence_losses_) total += sum;
  return total / static_cast<double>(spec_.batch_tokens);
}

double Replica::gather_small_batch_square() {
  mesh_.data->all_gather(small_batch_squares_, {&logical_ranks_, 1});
  double sum = 0;
  for (const double square : small_batch_squares_) sum += square;
  // The arena holds the gradient of 1 / batch_tokens of the loss; a micro-batch's own is larger.
  const double share =
      static_cast<double>(spec_.batch_seqs()) / static_cast<double>(spec_.micro_batch_seqs);
  const double mean = sum / static_cast<double>(spec_.data_parallel);
  return mesh_.tensor->sum(mean) * share * share;
}

std::int64_t Replica::size(const RunSpec& spec, int n_tensor, int n_data) {
  const DType dtype = storage_type(spec.precision);
  std::int64_t total = 0;
  for (int tensor = 0; tensor < n_tensor; ++tensor) {
    const TensorShard shard{tensor, n_tensor};
    const ParameterLayout layout(spec.shape, shard);
    for (int data = 0; data < n_data; ++data) {
      const ShardPlan plan(spec, layout, data, n_data);
      const std::int64_t n_logical = logical_ranks_of(spec, data, n_data).size();
      total += layout.size() * size_of(dtype) + Gradients::size(layout, n_logical) +
               ShardedAdamW::size(spec, plan) +
               Transformer::size(spec.shape, shard, dtype, spec.micro_batch_seqs) +
               Batch::size(spec.shape.seq_len, n_logical * seqs_per_logical_rank(spec)) +
               8 * spec.batch_seqs();
    }
  }
  return total;
}

}  // namespace isoflop
