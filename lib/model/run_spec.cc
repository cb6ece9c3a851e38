// SPDX-License-Identifier: Apache-2.0
#include "isoflop/run_spec.h"

#include <cmath>
#include <utility>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

[[noreturn]] void complain(const std::string& path, const std::string& got,
                           const std::string& allowed) {
  throw Error(ErrorCode::invalid_argument, path + ": must be " + allowed + ", got " + got);
}

void require_count(const char* path, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value < low || value > high) {
    complain(path, std::to_string(value),
             "from " + std::to_string(low) + " to " + std::to_string(high));
  }
}

void require_number(const std::string& path, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    complain(path, exact_text(value), "from " + exact_text(low) + " to " + exact_text(high));
  }
}

void validate_schedule(const LrSchedule& schedule) {
  double previous = 0;
  for (std::size_t i = 0; i < schedule.milestones.size(); ++i) {
    const Milestone& milestone = schedule.milestones[i];
    const std::string path = "/schedule/milestones/" + std::to_string(i);
    require_number(path + "/0", milestone.token_fraction, 0, 1);
    require_number(path + "/1", milestone.lr_fraction, 0, 1);
    if (i > 0 && milestone.token_fraction <= previous) {
      complain(path + "/0", exact_text(milestone.token_fraction), "> the one before");
    }
    previous = milestone.token_fraction;
  }
  require_number("/schedule/decay_fraction", schedule.decay_fraction, 0, 1);
  require_number("/schedule/final_lr_fraction", schedule.final_lr_fraction, 0, 1);
}

void validate_batch(const RunSpec& spec) {
  constexpr std::int64_t kMax = std::int64_t{1} << 50;
  require_count("/batch_tokens", spec.batch_tokens, 1, kMax);
  require_count("/micro_batch_seqs", spec.micro_batch_seqs, 1, 1 << 20);
  require_count("/data_parallel", spec.data_parallel, 1, 1 << 20);
  const std::int64_t seqs = spec.micro_batch_seqs * spec.data_parallel;
  if (seqs > kMax / spec.shape.seq_len) {
    complain("/batch_tokens", std::to_string(spec.batch_tokens),
             "a multiple of seq_len * micro_batch_seqs * data_parallel, which is above 2^50");
  }
  const std::int64_t unit = spec.shape.seq_len * seqs;
  if (spec.batch_tokens % unit != 0) {
    complain("/batch_tokens", std::to_string(spec.batch_tokens),
             "a multiple of seq_len * micro_batch_seqs * data_parallel = " + std::to_string(unit));
  }
}

void validate_parametrisation(const RunSpec& spec) {
  const bool standard = spec.parametrisation == Parametrisation::standard;
  const std::int64_t least = standard ? 0 : 1, most = standard ? 0 : 1 << 20;
  const std::pair<const char*, std::int64_t> bases[] = {{"/base_d_model", spec.base_d_model},
                                                        {"/base_n_layers", spec.base_n_layers}};
  for (const auto& [path, value] : bases) {
    if (value >= least && value <= most) continue;
    complain(path, std::to_string(value),
             standard ? "absent for the standard parametrisation"
                      : "from 1 to 2^20 for " + std::string(to_string(spec.parametrisation)) +
                            ": the shape on which the learning rate was tuned");
  }
  // The output multiplier is part of the head, and the embedding must not have it.
  if (!standard && spec.shape.tied_embeddings) {
    complain("/shape/tied_embeddings", "true",
             "false for " + std::string(to_string(spec.parametrisation)));
  }
}

}  // namespace

void validate(const RunSpec& spec) {
  validate(spec.shape);
  if (!is_safe_name(spec.dataset)) {
    complain("/dataset", "\"" + spec.dataset + "\"", "1 to 100 of A-Z a-z 0-9 . _ -");
  }
  validate_batch(spec);
  require_count("/n_steps", spec.n_steps, 1, std::int64_t{1} << 40);
  require_count("/warmup_steps", spec.warmup_steps, 0, spec.n_steps);
  if (!(spec.peak_lr > 0 && std::isfinite(spec.peak_lr))) {
    complain("/peak_lr", exact_text(spec.peak_lr), "> 0");
  }
  validate_schedule(spec.schedule);
  require_number("/weight_decay", spec.weight_decay, 0, 100);
  require_number("/adam_beta1", spec.adam_beta1, 0, 0.999999);
  require_number("/adam_beta2", spec.adam_beta2, 0, 0.99999999);
  require_number("/adam_epsilon", spec.adam_epsilon, 1e-30, 1);
  require_number("/grad_clip", spec.grad_clip, 1e-30, 1e30);
  require_number("/init_std", spec.init_std, 0, 10);
  validate_parametrisation(spec);
  require_count("/validation_tokens", spec.validation_tokens, 0, std::int64_t{1} << 50);
}

}  // namespace isoflop
