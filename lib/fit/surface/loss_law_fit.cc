// SPDX-License-Identifier: Apache-2.0
// Approach 3 of arXiv:2203.15556: E + A/N^alpha + B/D^beta at the least sum of Huber's function of
// ln f - ln L (the default) or of f - L, or at that of the squares of f - L. a = beta / (alpha +
// beta). Bootstrap intervals are 5th and 95th percentiles of the refits that converged. With delta
// 1e-3 the published set of arXiv:2404.10102 is not the optimum of its 240 points; delta 1e-12, the
// sum of |r|, gives it to all digits (docs/laws.md).
#include "fit/surface/loss_law_fit.h"

#include <algorithm>
#include <array>

#include "fit/surface/loss_bootstrap.h"
#include "fit/surface/loss_search.h"
#include "fit/surface/surface_diagnostics.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

std::vector<std::string> bounds_hit(const SurfaceVector& s) {
  static constexpr std::array kNames = {"E", "A", "B", "alpha", "beta"};
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 5; ++i) {
    const bool low = s[i] <= (i < 3 ? 0 : kMinExponent);
    if (low || (i >= 3 && s[i] >= kMaxExponent)) names.emplace_back(kNames[i]);
  }
  return names;
}

/// The same names as in the answer, in the order of the columns of a bootstrap.
constexpr std::array kNames = {"E", "A", "B", "alpha", "beta", "a", "b"};
std::array<double, 7> named_values(const LossLaw& law) {
  const double sum = law.alpha + law.beta;
  return {law.irreducible, law.a, law.b, law.alpha, law.beta, law.beta / sum, law.alpha / sum};
}

void bootstrap(ParametricFit& fit, std::span<const LossSample> samples, const LossPoints& points,
               const LossObjective& objective, const LossSearch& found,
               const LossFitOptions& options) {
  std::array<std::vector<double>, 7> columns;
  for (const NewtonResult& end : refit_resamples(objective, samples, found, options)) {
    if (!end.converged) {
      ++fit.n_bootstrap_failed;
      continue;
    }
    fit.draws.push_back(points.to_law(end.surface, options.scale));
    const auto values = named_values(fit.draws.back());
    for (std::size_t j = 0; j < columns.size(); ++j) columns[j].push_back(values[j]);
  }
  fit.n_bootstrap = options.n_bootstrap;
  if (columns[0].size() < 2) return;
  const std::array intervals = {&fit.E, &fit.A, &fit.B, &fit.alpha, &fit.beta, &fit.a, &fit.b};
  for (std::size_t j = 0; j < columns.size(); ++j) {
    *intervals[j] = percentile_interval(columns[j]);
    fit.standard_errors[kNames[j]] = standard_deviation(columns[j]);
  }
}

}  // namespace

ParametricFit fit_loss_law(std::span<const LossSample> samples, const LossFitOptions& options) {
  ParametricFit fit;
  fit.objective = options.objective;
  fit.delta = options.delta;
  fit.law.scale = options.scale;
  fit.n_points = static_cast<std::int64_t>(samples.size());
  if (samples.size() < kMinSurfacePoints || count_distinct(samples, &LossSample::size) < 3 ||
      count_distinct(samples, &LossSample::tokens) < 3) {
    return fit;
  }
  const LossPoints points(samples);
  const LossObjective objective = points.objective(options.objective, options.delta);
  const LossSearch found = search_basins(objective);
  const NewtonResult& best = found.best();
  fit.law = points.to_law(best.surface, options.scale);
  fit.a_exponent = fit.law.beta / (fit.law.alpha + fit.law.beta);
  fit.b_exponent = fit.law.alpha / (fit.law.alpha + fit.law.beta);
  fit.objective_value = best.value;
  fit.at_bound = bounds_hit(best.surface);
  fit.n_starts = found.n_starts;
  fit.n_starts_agreeing = found.basins.front().n_starts;
  for (const Basin& basin : found.basins) {
    fit.basins.push_back({.objective = basin.end.value,
                          .law = points.to_law(basin.end.surface, options.scale),
                          .n_starts = basin.n_starts});
  }
  fit.status = best.converged ? FitStatus::ok : FitStatus::not_converged;
  if (fit.usable() && options.diagnostics) {
    fit.diagnostics = diagnose(samples, points, objective, best.surface, options.scale);
  }
  if (fit.usable() && options.n_bootstrap > 0) {
    bootstrap(fit, samples, points, objective, found, options);
  }
  return fit;
}

}  // namespace isoflop
