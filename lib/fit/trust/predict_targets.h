// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/forecast/forecaster.h"
#include "isoflop/fit.h"

namespace isoflop {

struct TargetOptions {
  std::vector<double> computes;  // [FLOPs]; none: 10 and 100 times fit.compute_to
  double flops_factor = 1;       // k of C = k scale tokens
  std::optional<ComputeRate> rate = std::nullopt;
  const MinimaForecaster* without_prior = nullptr;  // the same minima, nothing believed before
  /// Of the surface, where the fit's calibrated intervals do not have a budget.
  std::vector<OptimumForecast> surface = {};
};

/// By what the surface and the posterior of the laws said of the budgets held out: the mean of ln
/// density over the budgets of a hold-out, summed over hold-outs, and even odds before. A surface
/// that the fit does not believe has no weight.
[[nodiscard]] ForecastWeights weights_of(std::span<const HoldoutScore> scores,
                                         bool believes_surface);

/// What makes most of the headline: "posterior" or "parametric". `target` has its estimates.
[[nodiscard]] std::string headline_method(const Fit& fit, const Target& target);

/// Sets light and reasons: by the reach, and one worse where hold-outs of what makes most of the
/// headline do not speak for it. `target` has its estimates.
void set_light(const Fit& fit, Target& target);

/// What a fit says of further budgets; a fit without an estimator says nothing. Throws
/// Error(invalid_argument) for a budget that is not finite and > 0.
[[nodiscard]] std::vector<Target> predict_targets(const Fit& fit, const MinimaForecaster& minima,
                                                  const TargetOptions& options);

}  // namespace isoflop
