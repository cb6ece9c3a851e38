// SPDX-License-Identifier: Apache-2.0
#include "train/replica.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "isoflop/error.h"

namespace isoflop {
namespace {

/// Shards and the partial sums of the gradient norm end at multiples of this many elements,
/// whatever the number of ranks, so that the norm is added up in one order.
constexpr std::int64_t kChunk = std::int64_t{1} << 16;
constexpr std::int64_t kPiece = std::int64_t{1} << 16;

Range logical_ranks_of(const RunSpec& spec, int rank, int n_ranks) {
  return share_of(spec.data_parallel, rank, n_ranks);
}

std::int64_t seqs_per_logical_rank(const RunSpec& spec) {
  return spec.batch_seqs() / spec.data_parallel;
}

Tensor arena(Buffer& buffer, std::int64_t n) { return {buffer.data(), DType::f32, n, 1}; }

}  // namespace

Replica::Replica(const RunSpec& spec, const Dataset& dataset, Communicator& communicator,
                 std::unique_ptr<Backend> backend)
    : spec_(spec),
      dataset_(dataset),
      communicator_(communicator),
      backend_(std::move(backend)),
      layout_(spec.shape),
      logical_ranks_(logical_ranks_of(spec, communicator.rank(), communicator.size())),
      shard_(share_of(layout_.size(), communicator.rank(), communicator.size(), kChunk)),
      chunks_{(shard_.begin + kChunk - 1) / kChunk, (shard_.end + kChunk - 1) / kChunk},
      weights_(backend_->allocate(layout_.size() * 4)),
      first_moment_(backend_->allocate(shard_.size() * 4)),
      second_moment_(backend_->allocate(shard_.size() * 4)),
      model_(view_tensors(spec.shape, layout_, weights())),
      transformer_(*backend_, spec.shape, spec.micro_batch_seqs),
      batch_(*backend_, spec.shape.seq_len, logical_ranks_.size() * seqs_per_logical_rank(spec)),
      sequence_losses_(static_cast<std::size_t>(spec.batch_seqs())),
      chunk_norms_(static_cast<std::size_t>((layout_.size() + kChunk - 1) / kChunk)),
      piece_(static_cast<std::size_t>(kPiece)) {
  for (std::int64_t i = 0; i < logical_ranks_.size(); ++i) {
    gradient_memory_.push_back(backend_->allocate(layout_.size() * 4));
    gradients_.push_back(arena(*gradient_memory_.back(), layout_.size()));
    gradient_views_.push_back(view_tensors(spec.shape, layout_, gradients_.back()));
  }
}

Tensor Replica::weights() const { return arena(*weights_, layout_.size()); }

void Replica::initialize() {
  in_pieces(shard_, [&](Range range, std::span<float> values) {
    initial_values(layout_, spec_.seed, spec_.init_std, range, values);
    backend_->upload(weights().f32() + range.begin, values.data(), range.size() * 4);
  });
  communicator_.all_gather(*backend_, weights(), shard_);
}

double Replica::compute_gradients(std::int64_t step) {
  const std::int64_t per_rank = seqs_per_logical_rank(spec_);
  const std::int64_t first = step * spec_.batch_seqs() + logical_ranks_.begin * per_rank;
  batch_.load(logical_ranks_.size() * per_rank, [&](std::int64_t i, std::span<std::int32_t> out) {
    dataset_.train_sequence(spec_.seed, first + i, out);
  });
  for (std::int64_t i = 0; i < logical_ranks_.size(); ++i) compute_logical_rank(i);
  return gather_batch_loss();
}

void Replica::compute_logical_rank(std::int64_t index) {
  const auto i = static_cast<std::size_t>(index);
  const std::int64_t n_seqs = seqs_per_logical_rank(spec_);
  const std::int64_t micro_batch = spec_.micro_batch_seqs;
  const float weight = 1.0f / static_cast<float>(spec_.batch_tokens);
  backend_->zero(gradients_[i]);
  for (std::int64_t s = index * n_seqs; s < (index + 1) * n_seqs; s += micro_batch) {
    transformer_.accumulate_gradients(model_, batch_.tokens(s, micro_batch),
                                      batch_.targets(s, micro_batch), weight, gradient_views_[i],
                                      batch_.losses(s, micro_batch));
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
  communicator_.all_gather(sequence_losses_, mine);
  double total = 0;
  for (const double sum : sequence_losses_) total += sum;
  return total / static_cast<double>(spec_.batch_tokens);
}

double Replica::reduce_gradients() {
  gradient_sum_ = communicator_.reduce_scatter(*backend_, gradients_, shard_);
  for (std::int64_t chunk = chunks_.begin; chunk < chunks_.end; ++chunk) {
    const std::int64_t begin = chunk * kChunk - shard_.begin;
    const std::int64_t n = std::min(kChunk, shard_.size() - begin);
    const Range part{begin, begin + n};
    backend_->squared_norms(gradient_sum_, {&part, 1},
                            {&chunk_norms_[static_cast<std::size_t>(chunk)], 1});
  }
  communicator_.all_gather(chunk_norms_, chunks_);
  double total = 0;
  for (const double square : chunk_norms_) total += square;
  return std::sqrt(total);
}

void Replica::update(std::int64_t step, double grad_norm) {
  const auto n_updates = static_cast<double>(step + 1);
  AdamWSettings settings{
      .learning_rate = static_cast<float>(spec_.peak_lr * lr_fraction_at(spec_, step)),
      .beta1 = static_cast<float>(spec_.adam_beta1),
      .beta2 = static_cast<float>(spec_.adam_beta2),
      .epsilon = static_cast<float>(spec_.adam_epsilon),
      .weight_decay = static_cast<float>(spec_.weight_decay),
      .bias_correction1 = static_cast<float>(1 - std::pow(spec_.adam_beta1, n_updates)),
      .bias_correction2 = static_cast<float>(1 - std::pow(spec_.adam_beta2, n_updates)),
      .grad_scale = static_cast<float>(std::min(1.0, spec_.grad_clip / grad_norm))};
  const auto apply = [&](Range range) {
    const Range part = intersection(range, shard_);
    if (part.size() == 0) return;
    const std::int64_t first = part.begin - shard_.begin;
    backend_->adamw(weights().slice(part.begin, part.size()),
                    gradient_sum_.slice(first, part.size()),
                    arena(*first_moment_, shard_.size()).slice(first, part.size()),
                    arena(*second_moment_, shard_.size()).slice(first, part.size()), settings, {});
  };
  apply(layout_.matrices());
  settings.weight_decay = 0;
  apply({layout_.matrices().end, layout_.size()});
  communicator_.all_gather(*backend_, weights(), shard_);
}

template <class Visit>
void Replica::in_pieces(Range range, Visit visit) {
  for (std::int64_t begin = range.begin; begin < range.end; begin += kPiece) {
    const Range part{begin, std::min(range.end, begin + kPiece)};
    visit(part, std::span(piece_).first(static_cast<std::size_t>(part.size())));
  }
}

void Replica::read_section(CheckpointReader& checkpoint, Section section, Tensor values,
                           Range range) {
  in_pieces(range, [&](Range part, std::span<float> piece) {
    checkpoint.read(section, part, piece);
    backend_->upload(values.f32() + (part.begin - range.begin), piece.data(), part.size() * 4);
  });
}

void Replica::write_section(CheckpointWriter& checkpoint, Tensor values, Range range) {
  in_pieces(range, [&](Range part, std::span<float> piece) {
    backend_->download(piece.data(), values.f32() + (part.begin - range.begin), part.size() * 4);
    checkpoint.write(piece);
  });
}

void Replica::load(CheckpointReader& checkpoint) {
  in_turn(communicator_, [&] {
    read_section(checkpoint, Section::weights, weights(), {0, layout_.size()});
    read_section(checkpoint, Section::first_moment, arena(*first_moment_, shard_.size()), shard_);
    read_section(checkpoint, Section::second_moment, arena(*second_moment_, shard_.size()), shard_);
  });
}

void Replica::save(CheckpointWriter& checkpoint) {
  in_turn(communicator_,
          [&] { write_section(checkpoint, weights().slice(shard_.begin, shard_.size()), shard_); });
  for (Buffer* moment : {first_moment_.get(), second_moment_.get()}) {
    in_turn(communicator_,
            [&] { write_section(checkpoint, arena(*moment, shard_.size()), shard_); });
  }
}

std::int64_t Replica::size(const RunSpec& spec, int rank, int n_ranks) {
  const std::int64_t n = ParameterLayout(spec.shape).size();
  const std::int64_t n_logical = logical_ranks_of(spec, rank, n_ranks).size();
  const std::int64_t shard = share_of(n, rank, n_ranks, kChunk).size();
  const std::int64_t floats =
      n * (1 + n_logical) + 2 * shard + kPiece +
      Activations::size(spec.shape, spec.micro_batch_seqs * spec.shape.seq_len);
  return 4 * floats + 8 * spec.batch_seqs() +
         Batch::size(spec.shape.seq_len, n_logical * seqs_per_logical_rank(spec));
}

}  // namespace isoflop
