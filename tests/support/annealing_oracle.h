// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "isoflop/run_spec.h"
#include "isoflop/training_curve.h"
#include "support/form_oracle.h"
#include "support/tiny_spec.h"

namespace isoflop::test {

/// S1 and S2 after every step by their definition, a double sum over steps; the warm-up has no part
/// in S2.
struct AreasByDefinition {
  std::vector<double> s1, s2;
};
inline AreasByDefinition areas_by_definition(const std::vector<double>& lr, double lambda,
                                             std::size_t warmup) {
  AreasByDefinition areas;
  double s1 = 0;
  for (std::size_t s = 0; s < lr.size(); ++s) {
    s1 += lr[s];
    double s2 = 0;
    for (std::size_t i = warmup; i <= s; ++i) {
      for (std::size_t k = warmup; k <= i; ++k) {
        const double before = k == 0 ? lr[0] : lr[k - 1];
        s2 += (before - lr[k]) * std::pow(lambda, static_cast<double>(i - k));
      }
    }
    areas.s1.push_back(s1);
    areas.s2.push_back(s2);
  }
  return areas;
}

struct AnnealingTruth {
  double l0 = 2, a = 0.5, alpha = 0.5, c = 0, lambda = 0.99;
};

/// The law after every step, by a recurrence of its own.
inline std::vector<double> annealed_losses(const AnnealingTruth& truth,
                                           const std::vector<double>& lr, std::size_t warmup) {
  std::vector<double> losses;
  double s1 = 0;
  double s2 = 0;
  double momentum = 0;
  for (std::size_t i = 0; i < lr.size(); ++i) {
    s1 += lr[i];
    momentum *= truth.lambda;
    if (i >= warmup && i > 0) momentum += lr[i - 1] - lr[i];
    s2 += momentum;
    losses.push_back(truth.l0 + truth.a * std::pow(s1, -truth.alpha) - truth.c * s2);
  }
  return losses;
}

inline std::vector<double> rates_of(const LrSchedule& schedule, std::int64_t n_steps,
                                    std::int64_t warmup, double peak_lr) {
  RunSpec spec = tiny_spec();
  spec.schedule = schedule;
  spec.n_steps = n_steps;
  spec.warmup_steps = warmup;
  std::vector<double> lr;
  for (std::int64_t step = 0; step < n_steps; ++step) {
    lr.push_back(peak_lr * lr_fraction_at(spec, step));
  }
  return lr;
}

/// Curves that follow the law, and what a longer run's would be.
struct AnnealingDraw {
  AnnealingTruth truth;
  std::vector<RateCurve> curves;
  std::vector<double> target_lr;
  double target_loss = 0, target_late_loss = 0;
};

inline LrSchedule wsd_schedule() {
  return {.kind = ScheduleKind::wsd,
          .milestones = {},
          .decay_fraction = 0.2,
          .decay_shape = DecayShape::linear,
          .final_lr_fraction = 0.1};
}

/// By seed: a trunk and three branches, one run with a decay, or a multi-step and a cosine run, of
/// 1000 steps; decays are worth 2 to 10 % of the loss, or nothing. `noise`: relative, of a step;
/// branches have their trunk's up to their decay, and with `common_batches` behind it, too.
inline AnnealingDraw draw_annealing(std::uint64_t seed, bool has_effect, double noise,
                                    bool common_batches = false) {
  constexpr std::int64_t kWarmup = 40;
  Numbers numbers(seed);
  AnnealingDraw draw;
  AnnealingTruth& truth = draw.truth;
  const double peak_lr = numbers.spread(3e-4, 1e-2);
  truth.l0 = numbers.uniform(1, 3);
  truth.alpha = numbers.uniform(0.3, 0.9);
  truth.a = numbers.uniform(0.1, 0.6) * std::pow(1000 * peak_lr, truth.alpha);
  constexpr double kLambdas[] = {0.95, 0.98, 0.99, 0.995};
  truth.lambda = kLambdas[seed % 4];
  std::vector<std::pair<LrSchedule, std::int64_t>> runs;
  const LrSchedule constant{.kind = ScheduleKind::constant, .milestones = {}};
  if (seed % 3 == 0) {
    runs = {{constant, 1000}, {wsd_schedule(), 300}, {wsd_schedule(), 600}, {wsd_schedule(), 1000}};
  } else if (seed % 3 == 1) {
    runs = {{wsd_schedule(), 1000}};
  } else {
    runs = {{LrSchedule{}, 1000}, {{.kind = ScheduleKind::cosine, .milestones = {}}, 1000}};
  }
  const double worth = numbers.uniform(0.02, 0.1);
  if (has_effect) {
    AnnealingTruth unit{.l0 = 0, .a = 0, .alpha = 1, .c = -1, .lambda = truth.lambda};
    const auto full = annealed_losses(unit, rates_of(wsd_schedule(), 1000, kWarmup, peak_lr),
                                      static_cast<std::size_t>(kWarmup));
    truth.c = worth * truth.l0 / full.back();
  }
  for (const auto& [schedule, n_steps] : runs) {
    RateCurve curve;
    curve.run = "run " + std::to_string(draw.curves.size());
    curve.lr = rates_of(schedule, n_steps, kWarmup, peak_lr);
    curve.loss = annealed_losses(truth, curve.lr, static_cast<std::size_t>(kWarmup));
    bool shared = !draw.curves.empty();
    for (std::size_t i = 0; i < curve.loss.size(); ++i) {
      shared = shared && curve.lr[i] == draw.curves.front().lr[i];
      const double own = numbers.normal();
      const double error =
          common_batches ? 0.95 * Rng(seed, 9).normal(i) + std::sqrt(0.0975) * own : own;
      curve.loss[i] = shared ? draw.curves.front().loss[i] : curve.loss[i] * (1 + noise * error);
      curve.steps.push_back(static_cast<std::int64_t>(i) + 1);
    }
    draw.curves.push_back(std::move(curve));
  }
  draw.target_lr = rates_of(wsd_schedule(), 2000, kWarmup, peak_lr);
  const auto target = annealed_losses(truth, draw.target_lr, static_cast<std::size_t>(kWarmup));
  draw.target_loss = target.back();
  for (std::size_t i = 1800; i < 2000; ++i) draw.target_late_loss += target[i] / 200;
  return draw;
}

}  // namespace isoflop::test
