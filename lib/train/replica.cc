// SPDX-License-Identifier: Apache-2.0
#include "train/replica.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

/// By which the backend may know a step again.
constexpr int kTrainingStep = 0;

Range logical_ranks_of(const RunSpec& spec, int rank, int n_ranks) {
  return share_of(spec.data_parallel, rank, n_ranks);
}

std::int64_t seqs_per_logical_rank(const RunSpec& spec) {
  return spec.batch_seqs() / spec.data_parallel;
}

}  // namespace

Replica::Replica(const RunSpec& spec, const Dataset& dataset, Mesh& mesh, Backend& backend)
    : spec_(spec),
      dataset_(dataset),
      mesh_(mesh),
      backend_(backend),
      layout_(spec.shape, mesh.tensor_shard()),
      plan_(spec, layout_, mesh.data->rank(), mesh.data->size()),
      logical_ranks_(logical_ranks_of(spec, mesh.data->rank(), mesh.data->size())),
      weight_memory_(backend_.allocate(layout_.size() * size_of(storage_type(spec.precision)))),
      model_(view_tensors(layout_, weights())),
      gradients_(backend_, mesh, spec.shape, layout_, plan_, logical_ranks_.size()),
      optimizer_(spec, backend_, mesh, layout_, plan_, weights(), gradients_.arena(0)),
      transformer_(backend_, *mesh.tensor, spec.shape, storage_type(spec.precision),
                   spec.micro_batch_seqs),
      batch_(backend_, spec.shape.seq_len, logical_ranks_.size() * seqs_per_logical_rank(spec)),
      measures_(backend_, mesh),
      sums_(backend_.allocate((spec.batch_seqs() + spec.data_parallel) * size_of(DType::f64))),
      ones_(backend_,
            std::vector<double>(
                static_cast<std::size_t>(std::max(spec.batch_seqs(), spec.data_parallel)), 1.0)),
      recordable_(mesh.tensor->recordable() && mesh.data->recordable()) {}

Tensor Replica::weights() const {
  return {weight_memory_->data(), storage_type(spec_.precision), layout_.size(), 1};
}

void Replica::start_step(std::int64_t step) {
  load_batch(step);
  optimizer_.begin_step(step);
  if (recordable_) {
    backend_.repeat(kTrainingStep, [this] { compute_step(); });
  } else {
    compute_step();
  }
  measures_.send_to_host();
}

StepMeasures Replica::finish_step() {
  const std::array<double, kMeasures> sums = measures_.receive();
  const auto sum = [&](Measure measure) { return sums[static_cast<std::size_t>(measure)]; };
  // The arena holds the gradient of 1 / batch_tokens of the loss; a micro-batch's own is larger.
  const double share =
      static_cast<double>(spec_.batch_seqs()) / static_cast<double>(spec_.micro_batch_seqs);
  return {.loss = sum(Measure::loss) / static_cast<double>(spec_.batch_tokens),
          .norms = {.gradient = std::sqrt(sum(Measure::gradient)),
                    // NaN and infinity in the copy show.
                    .weights = std::sqrt(sum(Measure::weights)) + 0 * sum(Measure::copy),
                    .unshared_gradient = std::sqrt(sum(Measure::unshared))},
          .small_batch_square =
              sum(Measure::small_batch) / static_cast<double>(spec_.data_parallel) * share * share};
}

void Replica::load_batch(std::int64_t step) {
  const std::int64_t per_rank = seqs_per_logical_rank(spec_);
  const std::int64_t first = step * spec_.batch_seqs() + logical_ranks_.begin * per_rank;
  batch_.load(logical_ranks_.size() * per_rank, [&](std::int64_t i, std::span<std::int32_t> out) {
    dataset_.train_sequence(spec_.seed, first + i, out);
  });
}

void Replica::compute_step() {
  for (std::int64_t i = 0; i < logical_ranks_.size(); ++i) compute_logical_rank(i);
  gradients_.finish();
  measure();
  optimizer_.update(measures_);
}

void Replica::compute_logical_rank(std::int64_t index) {
  const auto i = static_cast<std::size_t>(index);
  const std::int64_t n_seqs = seqs_per_logical_rank(spec_), micro_batch = spec_.micro_batch_seqs;
  const std::int64_t begin = index * n_seqs, end = begin + n_seqs;
  const float weight = 1.0f / static_cast<float>(spec_.batch_tokens);
  const Transformer::LayerDone layer_done = [this, i](std::int64_t layer) {
    gradients_.layer_done(i, layer);
  };
  backend_.zero(gradients_.arena(i));
  for (std::int64_t s = begin; s < end; s += micro_batch) {
    const bool last = s + micro_batch >= end;
    transformer_.accumulate_gradients(model_, batch_.tokens(s, micro_batch),
                                      batch_.targets(s, micro_batch), weight, gradients_.views(i),
                                      batch_.losses(s, micro_batch),
                                      last ? layer_done : Transformer::LayerDone{});
    if (s > begin) continue;
    optimizer_.measure_unshared(gradients_.arena(i),
                                small_batch_squares().slice(logical_ranks_.begin + index, 1));
  }
}

void Replica::measure() {
  const auto add_up = [&](Tensor values, Range mine, Measure measure) {
    mesh_.data->all_gather(backend_, values, {&mine, 1});
    const Tensor ones{const_cast<double*>(ones_.view().data()), DType::f64, values.rows, 1};
    backend_.dot(values, ones, measures_.term(measure));
  };
  const std::int64_t per_rank = seqs_per_logical_rank(spec_);
  if (mesh_.tensor->rank() == 0) {
    const Range mine{logical_ranks_.begin * per_rank, logical_ranks_.end * per_rank};
    const Tensor losses = batch_.losses(0, mine.size());
    backend_.row_sums({losses.data, losses.dtype, mine.size(), spec_.shape.seq_len},
                      sequence_losses().slice(mine.begin, mine.size()));
    add_up(sequence_losses(), mine, Measure::loss);
  }
  add_up(small_batch_squares(), logical_ranks_, Measure::small_batch);
  optimizer_.measure(measures_);
  measures_.add_up();
}

Tensor Replica::sequence_losses() const {
  return {sums_->data(), DType::f64, spec_.batch_seqs(), 1};
}

Tensor Replica::small_batch_squares() const {
  return {sequence_losses().f64() + spec_.batch_seqs(), DType::f64, spec_.data_parallel, 1};
}

std::int64_t Replica::size(const RunSpec& spec, TensorShard shard, int data_rank, int n_data) {
  const DType dtype = storage_type(spec.precision);
  const ParameterLayout layout(spec.shape, shard);
  const ShardPlan plan(spec, layout, data_rank, n_data);
  const std::int64_t n_logical = logical_ranks_of(spec, data_rank, n_data).size();
  return layout.size() * size_of(dtype) + Gradients::size(layout, n_logical) +
         ShardedAdamW::size(spec, plan) +
         Transformer::size(spec.shape, shard, dtype, spec.micro_batch_seqs) +
         Batch::size(spec.shape.seq_len, n_logical * seqs_per_logical_rank(spec)) +
         Measures::size(shard.size) + 16 * (spec.batch_seqs() + spec.data_parallel);
}

}  // namespace isoflop
