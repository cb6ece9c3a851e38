// SPDX-License-Identifier: Apache-2.0
// Four estimators of the same minima, each with laws of its own; none is averaged with another,
// their spread is the result. The parabolas enter as fit_isoflop() found them and no bias is taken
// off any estimator. Cubic and Akima have their laws by the regression of the parabolas, with the
// correlation that trunks give the parabolas' errors, since it is known for these alone; the
// surface brings its own laws.
#include "fit/valley/valley_estimators.h"

#include <algorithm>
#include <cmath>

#include "fit/estimate/power_law_fit.h"
#include "fit/valley/parabola.h"
#include "fit/valley/parametric_valley.h"
#include "fit/valley/valley_methods.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kMinSeedFreedom = 3;

ValleyEstimator parabola_estimator(const IsoFlopFit& minima) {
  ValleyEstimator estimator{.scale_opt = minima.scale_opt, .tokens_opt = minima.tokens_opt};
  for (const Valley& valley : minima.valleys) {
    estimator.valleys.push_back({.budget = valley.budget,
                                 .compute = valley.compute,
                                 .scale_opt = valley.scale_opt,
                                 .tokens_opt = valley.tokens_opt,
                                 .loss_opt = valley.loss_opt,
                                 .ln_scale_se = valley.ln_scale_se,
                                 .loss_se = valley.loss_se,
                                 .status = valley.status});
  }
  return estimator;
}

/// Of the estimator's usable minima: as of the parabolas' there.
Correlation correlation_of(const ValleyEstimator& estimator, const IsoFlopFit& minima) {
  if (!minima.trunk_noise) return {};
  std::vector<std::optional<std::size_t>> rows;  // of the usable minima, among the parabolas'
  std::size_t n = 0;
  for (std::size_t i = 0; i < minima.valleys.size(); ++i) {
    const bool of_parabola = minima.valleys[i].usable();
    if (estimator.valleys[i].usable())
      rows.push_back(of_parabola ? std::optional(n) : std::nullopt);
    n += of_parabola ? 1 : 0;
  }
  Correlation result;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < rows.size(); ++j) {
      const bool known = rows[i] && rows[j];
      result.push_back(known ? minima.trunk_noise->correlation[*rows[i] * n + *rows[j]]
                             : (i == j ? 1 : 0));
    }
  }
  return result;
}

void fit_laws(ValleyEstimator& estimator, const IsoFlopFit& minima) {
  std::vector<PowerLawPoint> scale, tokens;
  for (const ValleyEstimate& valley : estimator.valleys) {
    if (!valley.usable()) continue;
    scale.push_back({valley.compute, valley.scale_opt, valley.ln_scale_se});
    tokens.push_back({valley.compute, valley.tokens_opt, valley.ln_scale_se});
  }
  const Correlation correlation = correlation_of(estimator, minima);
  estimator.scale_opt = fit_power_law(scale, correlation);
  estimator.tokens_opt = fit_power_law(tokens, correlation);
}

ValleyEstimator cubic_estimator(std::span<const BudgetGroup> curves, const IsoFlopFit& minima) {
  ValleyEstimator estimator{.method = ValleyMethod::cubic};
  std::vector<CubicValley> cubics;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    cubics.push_back(fit_cubic(curves[i], minima.valleys[i]));
  }
  estimator.valleys = pool_cubic_noise(std::move(cubics));
  fit_laws(estimator, minima);
  return estimator;
}

ValleyEstimator akima_estimator(std::span<const BudgetGroup> curves, const IsoFlopFit& minima,
                                const EstimatorOptions& options) {
  const AkimaOptions akima{.noise = options.seed_noise.value_or(pooled_noise(minima.valleys)),
                           .noise_of_seeds = options.seed_noise.has_value(),
                           .seed = options.seed};
  ValleyEstimator estimator{.method = ValleyMethod::akima};
  for (std::size_t i = 0; i < curves.size(); ++i) {
    estimator.valleys.push_back(fit_akima(curves[i], minima.valleys[i], akima));
  }
  fit_laws(estimator, minima);
  return estimator;
}

EstimatorDisagreement spread_of(double compute, double extrapolation,
                                const std::vector<double>& scales) {
  EstimatorDisagreement result{.compute = compute, .extrapolation = extrapolation};
  result.n_estimators = static_cast<std::int64_t>(scales.size());
  if (scales.size() < 2) return result;
  const auto [low, high] = std::minmax_element(scales.begin(), scales.end());
  result.largest_ln_ratio = std::log(*high / *low);
  return result;
}

}  // namespace

std::optional<double> seed_noise(std::span<const BudgetGroup> groups) {
  double squares = 0, freedom = 0;
  for (const BudgetGroup& group : groups) {
    for (const Sample& sample : group.samples) {
      const double dof = static_cast<double>(sample.n_seeds - 1);
      squares += dof * std::pow(standard_deviation(sample.by_seed) / sample.metric, 2);
      freedom += dof;
    }
  }
  if (freedom < kMinSeedFreedom) return std::nullopt;
  return std::sqrt(squares / freedom);
}

std::vector<ValleyEstimator> fit_estimators(std::span<const BudgetGroup> curves,
                                            const IsoFlopFit& minima, const ParametricFit* surface,
                                            std::span<const Sample> samples,
                                            const EstimatorOptions& options) {
  if (curves.empty()) return {};
  std::vector<ValleyEstimator> estimators;
  estimators.push_back(parabola_estimator(minima));
  estimators.push_back(cubic_estimator(curves, minima));
  estimators.push_back(akima_estimator(curves, minima, options));
  estimators.push_back(parametric_estimator(
      curves, samples, surface != nullptr ? *surface : ParametricFit{}, minima.scale_opt.tau));
  return estimators;
}

std::vector<EstimatorDisagreement> disagreement_of(std::span<const ValleyEstimator> estimators) {
  std::vector<EstimatorDisagreement> result;
  if (estimators.empty()) return result;
  double largest = 0;
  for (std::size_t i = 0; i < estimators.front().valleys.size(); ++i) {
    std::vector<double> scales;
    for (const ValleyEstimator& estimator : estimators) {
      if (estimator.valleys[i].usable()) scales.push_back(estimator.valleys[i].scale_opt);
    }
    const double compute = estimators.front().valleys[i].compute;
    if (!scales.empty()) largest = std::max(largest, compute);
    if (scales.size() > 1) result.push_back(spread_of(compute, 1, scales));
  }
  for (const double factor : {10.0, 100.0}) {
    std::vector<double> scales;
    for (const ValleyEstimator& estimator : estimators) {
      if (estimator.scale_opt.usable()) scales.push_back(estimator.scale_opt.law(factor * largest));
    }
    if (scales.size() > 1) result.push_back(spread_of(factor * largest, factor, scales));
  }
  return result;
}

}  // namespace isoflop
