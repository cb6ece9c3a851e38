// SPDX-License-Identifier: Apache-2.0
#include "fit/extrapolate.h"

#include <algorithm>
#include <cmath>

#include "fit/forecast/forecaster.h"
#include "fit/forms/form_fit.h"
#include "fit/interval/surface_intervals.h"
#include "fit/trust/predict_targets.h"

namespace isoflop {
namespace {

// What the intervals leave open is not identified, whatever the objective's own profile says.
void mark_open_parameters(const SurfaceIntervals& intervals, SurfaceDiagnostics& diagnostics) {
  if (is_open(intervals.E)) diagnostics.profile_E.identified = false;
  if (is_open(intervals.alpha) || is_open(intervals.beta)) {
    diagnostics.profile_a.identified = diagnostics.profile_E.identified = false;
  }
}

/// Where the law keeps its intervals: also at the budgets beyond the data that were asked for.
std::vector<double> evidence_computes(double largest, std::span<const double> targets) {
  std::vector<double> computes;
  for (const double ratio : kEvidenceRatios) computes.push_back(ratio * largest);
  for (const double target : targets) {
    if (target > largest) computes.push_back(target);
  }
  std::sort(computes.begin(), computes.end());
  const auto same = [](double a, double b) { return std::abs(b / a - 1) < 1e-9; };
  computes.erase(std::unique(computes.begin(), computes.end(), same), computes.end());
  // Of points near the end of what a number holds, as far as they go.
  std::erase_if(computes, [](double compute) { return !std::isfinite(compute); });
  return computes;
}

/// Where there are no minima the surface alone speaks.
ForecastWeights forecast_weights(const Fit& fit, const MinimaForecaster& minima) {
  ForecastWeights weights = weights_of(fit.holdout, is_believable(fit));
  if (!minima.size()) weights.scale_surface = 1;
  if (!minima.loss()) weights.loss_surface = 1;
  return weights;
}

}  // namespace

bool is_believable(const Fit& fit) {
  const bool told = fit.parametric && fit.parametric->usable() && fit.parametric->at_bound.empty();
  return told && !(fit.lack_of_fit && fit.lack_of_fit->p < kLackOfFitLevel);
}

void extrapolate(std::span<const BudgetGroup> curves, std::span<const Sample> samples, Fit& fit) {
  const FitOptions& options = fit.options;
  if (fit.parametric) {
    fit.surface_intervals =
        surface_intervals(*fit.parametric, samples, fit.compute_to, options.targets);
    if (fit.surface_intervals && fit.parametric->diagnostics) {
      mark_open_parameters(*fit.surface_intervals, *fit.parametric->diagnostics);
    }
  }
  const MinimaForecaster minima(curves, fit.valleys, fit.trunk_noise, options.prior);
  if (minima.size()) {
    const NormalMixture exponent = minima.size()->exponent();
    fit.posterior_exponent = {exponent.quantile(0.5),
                              Interval{exponent.quantile(0.05), exponent.quantile(0.95)}};
  }
  fit.forecast_weights = forecast_weights(fit, minima);
  TargetOptions asked{.computes = options.targets,
                      .flops_factor = flops_factor(samples),
                      .rate = options.compute_rate};
  const MinimaForecaster without_prior(curves, fit.valleys, fit.trunk_noise, no_prior());
  if (options.prior.id != no_prior().id) asked.without_prior = &without_prior;
  fit.targets = predict_targets(fit, minima, asked);
  asked.computes = evidence_computes(fit.compute_to, options.targets);
  if (fit.parametric) {
    asked.surface = linear_forecasts(*fit.parametric, samples, fit.compute_to, asked.computes);
  }
  fit.along = predict_targets(fit, minima, asked);
}

}  // namespace isoflop
