// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/model_shape.h"

namespace isoflop {

/// fp32: everything. bf16: weights and activations in bfloat16, with fp32 master weights, gradient
/// accumulation, reductions, norms, softmax and loss.
enum class Precision { fp32, bf16 };

/// How initial values, learning rate, epsilon and weight decay of a tensor follow from the shape,
/// so that what was tuned on a small model holds for a large one. standard: not at all (DeepSeek
/// LLM). mup: with the width (arXiv:2203.03466). complete_p: with width and depth, alpha = 1
/// (arXiv:2505.01618, table 1). What each does to which tensor: train/network/parametrisation.h.
enum class Parametrisation { standard, mup, complete_p };

enum class ScheduleKind { multi_step, cosine, wsd, constant };
enum class DecayShape { linear, one_minus_sqrt };

/// From this fraction of the run's tokens on, the learning rate is peak_lr * lr_fraction.
struct Milestone {
  double token_fraction;
  double lr_fraction;
  bool operator==(const Milestone&) const = default;
};

/// The learning rate after warm-up, as a function of the share of the run's tokens seen. There is
/// no length in it: the length is the run's own, always, or the schedule would confound the law.
struct LrSchedule {
  ScheduleKind kind = ScheduleKind::multi_step;
  /// multi_step: 80 / 10 / 10 % of the tokens at 1, 10^-0.5, 10^-1 of the peak
  /// (arXiv:2401.02954, sec. 2.3).
  std::vector<Milestone> milestones = {{0.8, 0.316}, {0.9, 0.1}};
  /// wsd: share of the tokens in the final decay (arXiv:2405.18392 finds 20 % enough).
  double decay_fraction = 0.2;
  DecayShape decay_shape = DecayShape::one_minus_sqrt;
  /// cosine and wsd: where the decay ends, as a share of the peak.
  double final_lr_fraction = 0.1;
  bool operator==(const LrSchedule&) const = default;
};

/// Everything that determines the result of one run, and nothing else: two equal specs are the same
/// run. Names, output paths and how many threads or devices carry the ranks live outside.
struct RunSpec {
  ModelShape shape;
  std::string dataset;            // name of the token shards
  std::string dataset_hash;       // content hash of the shards, from their sidecar
  std::int64_t batch_tokens = 0;  // tokens per optimizer step; a multiple of seq_len
  std::int64_t n_steps = 0;
  std::int64_t warmup_steps = 0;  // linear, 0 to peak_lr
  double peak_lr = 0;
  LrSchedule schedule;
  double weight_decay = 0.1;  // on matrices only
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.95;
  double adam_epsilon = 1e-8;
  double grad_clip = 1.0;   // global norm
  double init_std = 0.006;  // arXiv:2401.02954, sec. 2.3
  Parametrisation parametrisation = Parametrisation::standard;
  /// The shape on which the values above were tuned, where the parametrisation asks for it: > 0
  /// then, and 0 for standard.
  std::int64_t base_d_model = 0;
  std::int64_t base_n_layers = 0;
  Precision precision = Precision::fp32;
  /// Sequences whose gradients are computed at a time; a multiple of them makes the batch. Part of
  /// the result, since floating-point sums depend on it.
  std::int64_t micro_batch_seqs = 1;
  /// Logical data-parallel ranks; gradients are summed in their order whoever computes them.
  std::int64_t data_parallel = 1;
  std::uint64_t seed = 0;              // initial weights and data order
  std::int64_t validation_tokens = 0;  // the first so many of the validation split, for all runs

  bool operator==(const RunSpec&) const = default;

  [[nodiscard]] std::int64_t batch_seqs() const { return batch_tokens / shape.seq_len; }
  [[nodiscard]] Tokens tokens() const {
    return Tokens(static_cast<double>(batch_tokens) * static_cast<double>(n_steps));
  }
};

/// Throws Error(invalid_argument) naming the field by its JSON path, its value and what is allowed.
void validate(const RunSpec& spec);

/// Learning rate of optimizer step `step` (0-based), as a fraction of the peak: a pure function of
/// the tokens seen before and during that step.
[[nodiscard]] double lr_fraction_at(const RunSpec& spec, std::int64_t step);

/// How many of the first steps have a learning rate that does not depend on how long the run is,
/// given its warmup_steps: those before the schedule's first decay (multi_step: before the first
/// milestone that changes the rate; constant: all; cosine: the warm-up). Runs that differ in
/// n_steps alone, or in what their schedules do later, are one run up to there: a trunk that they
/// may leave at any step up to the least of their stable_steps (arXiv:2405.18392; arXiv:2401.02954,
/// sec. 2.3).
[[nodiscard]] std::int64_t stable_steps(const RunSpec& spec);

/// Steps at the end of a run that its training loss is the mean of: a tenth, at least one.
[[nodiscard]] std::int64_t late_steps(const RunSpec& spec);

/// Steps after which a run leaves its trunk: the learning rate begins to decay, or the last steps
/// begin, whose mean loss is the run's own.
[[nodiscard]] std::int64_t branch_step(const RunSpec& spec);

/// What a run has in common with all that may share its trunk: the spec without its length, what
/// its schedule does after the constant stage, and its validation. It is no run itself.
[[nodiscard]] RunSpec trunk_of(RunSpec spec);

/// The warm-up for a run of `n_steps`: 5 % of it, at least 10 and at most 2000 steps, and never
/// more than half the run. DeepSeek's fixed 2000 would be longer than a whole small run, and a long
/// warm-up alone moves the model exponent from 0.60 to 0.71 (arXiv:2406.19146).
[[nodiscard]] std::int64_t default_warmup_steps(std::int64_t n_steps);

[[nodiscard]] std::string_view to_string(Precision);
[[nodiscard]] std::string_view to_string(Parametrisation);
[[nodiscard]] std::string_view to_string(ScheduleKind);
[[nodiscard]] std::string_view to_string(DecayShape);

}  // namespace isoflop
