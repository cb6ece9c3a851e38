// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numbers>

#include "isoflop/run_spec.h"

namespace isoflop {
namespace {

double share(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

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

// By the share still to come, since that is what decay_fraction says: where a quotient of whole
// steps equals it, the two doubles are equal, and 1 - decay_fraction need not be any step's
// quotient.
double warmup_stable_decay(const LrSchedule& schedule, double fraction_to_come) {
  if (fraction_to_come >= schedule.decay_fraction) return 1;
  const double progress = 1 - fraction_to_come / schedule.decay_fraction;
  const double left =
      schedule.decay_shape == DecayShape::linear ? 1 - progress : 1 - std::sqrt(progress);
  return schedule.final_lr_fraction + (1 - schedule.final_lr_fraction) * left;
}

/// Steps before the first that decays, warm-up aside: the first for which `decays`, which holds for
/// all that follow it.
template <class Decays>
std::int64_t steps_before(std::int64_t n_steps, Decays decays) {
  std::int64_t low = 0, high = n_steps;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (decays(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

std::int64_t steps_before_decay(const RunSpec& spec) {
  const LrSchedule& schedule = spec.schedule;
  switch (schedule.kind) {
    case ScheduleKind::multi_step:
      for (const Milestone& milestone : schedule.milestones) {
        if (milestone.lr_fraction == 1) continue;
        return steps_before(spec.n_steps, [&](std::int64_t step) {
          return share(step, spec.n_steps) >= milestone.token_fraction;
        });
      }
      return spec.n_steps;
    case ScheduleKind::wsd:
      if (schedule.final_lr_fraction == 1) return spec.n_steps;
      return steps_before(spec.n_steps, [&](std::int64_t step) {
        return share(spec.n_steps - step, spec.n_steps) < schedule.decay_fraction;
      });
    case ScheduleKind::cosine:
      return 0;
    case ScheduleKind::constant:
      return spec.n_steps;
  }
  return 0;
}

}  // namespace

std::int64_t stable_steps(const RunSpec& spec) {
  return std::max(std::min(spec.warmup_steps, spec.n_steps), steps_before_decay(spec));
}

std::int64_t late_steps(const RunSpec& spec) {
  return std::max<std::int64_t>(1, spec.n_steps / 10);
}

std::int64_t branch_step(const RunSpec& spec) {
  return std::min(stable_steps(spec), spec.n_steps - late_steps(spec));
}

RunSpec trunk_of(RunSpec spec) {
  spec.n_steps = 0;
  spec.schedule = {.kind = ScheduleKind::constant, .milestones = {}};
  spec.validation_tokens = 0;
  return spec;
}

double lr_fraction_at(const RunSpec& spec, std::int64_t step) {
  if (step < spec.warmup_steps) {
    return static_cast<double>(step + 1) / static_cast<double>(spec.warmup_steps);
  }
  switch (spec.schedule.kind) {
    case ScheduleKind::multi_step:
      return multi_step(spec.schedule, share(step, spec.n_steps));
    case ScheduleKind::cosine:
      return cosine(spec.schedule,
                    share(step - spec.warmup_steps, spec.n_steps - spec.warmup_steps));
    case ScheduleKind::wsd:
      return warmup_stable_decay(spec.schedule, share(spec.n_steps - step, spec.n_steps));
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
