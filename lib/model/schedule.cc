// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numbers>

#include "isoflop/run_spec.h"

namespace isoflop {
namespace {

double multi_step(const LrSchedule& schedule, double token_fraction) {
  double lr_fraction = 1;
  for (const Milestone& milestone : schedule.milestones) {
    if (token_fraction >= milestone.token_fraction) lr_fraction = milestone.lr_fraction;
  }
  return lr_fraction;
}

double cosine(const LrSchedule& schedule, double progress) {
  const double wave = 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return schedule.final_lr_fraction + (1 - schedule.final_lr_fraction) * wave;
}

double warmup_stable_decay(const LrSchedule& schedule, double token_fraction) {
  const double start = 1 - schedule.decay_fraction;
  if (token_fraction <= start || schedule.decay_fraction == 0) return 1;
  const double progress = (token_fraction - start) / schedule.decay_fraction;
  const double left =
      schedule.decay_shape == DecayShape::linear ? 1 - progress : 1 - std::sqrt(progress);
  return schedule.final_lr_fraction + (1 - schedule.final_lr_fraction) * left;
}

}  // namespace

double lr_fraction_at(const RunSpec& spec, std::int64_t step) {
  if (step < spec.warmup_steps) {
    return static_cast<double>(step + 1) / static_cast<double>(spec.warmup_steps);
  }
  const double token_fraction = static_cast<double>(step) / static_cast<double>(spec.n_steps);
  switch (spec.schedule.kind) {
    case ScheduleKind::multi_step:
      return multi_step(spec.schedule, token_fraction);
    case ScheduleKind::cosine:
      return cosine(spec.schedule, static_cast<double>(step - spec.warmup_steps) /
                                       static_cast<double>(spec.n_steps - spec.warmup_steps));
    case ScheduleKind::wsd:
      return warmup_stable_decay(spec.schedule, token_fraction);
    case ScheduleKind::constant:
      return 1;
  }
  return 1;
}

std::int64_t default_warmup_steps(std::int64_t n_steps) {
  return std::min(std::clamp<std::int64_t>(n_steps / 20, 10, 2000), n_steps / 2);
}

std::string_view to_string(ScheduleKind kind) {
  constexpr std::string_view kNames[] = {"multi_step", "cosine", "wsd", "constant"};
  return kNames[static_cast<int>(kind)];
}

std::string_view to_string(DecayShape shape) {
  return shape == DecayShape::linear ? "linear" : "one_minus_sqrt";
}

std::string_view to_string(Parametrisation parametrisation) {
  constexpr std::string_view kNames[] = {"standard", "mup", "complete_p"};
  return kNames[static_cast<int>(parametrisation)];
}

std::string_view to_string(Precision precision) {
  return precision == Precision::fp32 ? "fp32" : "bf16";
}

}  // namespace isoflop
