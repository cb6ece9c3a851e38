// SPDX-License-Identifier: Apache-2.0
// The headline is one distribution of ln scale and one of ln loss: the laws through the minima read
// with the prior, and the surface's calibrated intervals, mixed by what they said of budgets that
// were held out (a linear pool: Stone, Annals of Mathematical Statistics 32, 1961; weights by
// predictive densities: Geisser and Eddy, JASA 74, 1979). A fit without minima has the surface
// alone. What each estimator says by itself stays beside it: the minima's laws with their
// prediction interval, tau included, and the frontier with its relative error times the decades (at
// least one); the surface with its calibrated interval of a further budget, else the bootstrap's
// percentiles widened by t tau in quadrature, its loss with the worst hold-out error per decade, at
// least 2.5 %, and one run's noise. What a miss costs is the surface's deadweight.
#include "fit/trust/predict_targets.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/estimate/words.h"
#include "fit/interval/surface_intervals.h"
#include "isoflop/error.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kFlatExcesses[] = {0.001, 0.0025};

Interval by_factor(double value, double log_half_width) {
  return {value * std::exp(-log_half_width), value * std::exp(log_half_width)};
}

/// Both ends of an interval moved out by an independent error of the logarithm.
Interval widened(double value, const Interval& interval, double log_half_width) {
  return {value * std::exp(-std::hypot(std::log(value / interval.low), log_half_width)),
          value * std::exp(std::hypot(std::log(interval.high / value), log_half_width))};
}

bool is_size(double value) { return value > 0 && std::isfinite(value); }

/// Nothing for an interval so wide that its ends are no numbers any more.
std::optional<Interval> told(const Interval& interval) {
  if (!is_size(interval.low) || !is_size(interval.high)) return std::nullopt;
  return interval;
}

std::optional<TargetEstimate> by_isoflop(const Fit& fit, double compute, double ratio) {
  if (!fit.scale_opt.usable() || !fit.tokens_opt.usable()) return std::nullopt;
  TargetEstimate estimate{.method = "isoflop"};
  estimate.scale = {fit.scale_opt.law(compute), told(fit.scale_opt.prediction_interval(compute))};
  estimate.tokens = {fit.tokens_opt.law(compute),
                     told(fit.tokens_opt.prediction_interval(compute))};
  if (fit.frontier) {
    const double loss = (*fit.frontier)(compute);
    estimate.loss = {loss,
                     told(by_factor(loss, loss_error_at(fit.frontier->relative_error, ratio)))};
  }
  return estimate;
}

/// The surface's optimum at `compute`, where C = k scale tokens.
Optimum surface_optimum(const LossLaw& law, double compute, double k) {
  return optimum_of(law, compute * law.flops_factor() / k);
}

double worst_loss_error_per_decade(const Fit& fit, const std::string& method) {
  double worst = kLossErrorPerDecade;
  for (const HoldoutScore& score : scores_of_loss(fit.holdout, method)) {
    worst = std::max(worst, std::abs(std::log1p(score.loss_error)) / decades_of(score));
  }
  return worst;
}

std::optional<TargetEstimate> by_surface(const Fit& fit, double compute, double ratio, double k) {
  if (!fit.parametric || !fit.parametric->usable() || !has_optimum(fit.parametric->law)) {
    return std::nullopt;
  }
  const Optimum best = surface_optimum(fit.parametric->law, compute, k);
  if (!is_size(best.size) || !is_size(best.tokens)) return std::nullopt;
  TargetEstimate estimate{.method = "parametric"};
  estimate.scale.value = best.size;
  estimate.tokens.value = best.tokens;
  const double noise = kNormal90 * fit.sample_size.run_noise.value_or(0);
  const double doubt = loss_error_at(worst_loss_error_per_decade(fit, "parametric"), ratio);
  estimate.loss = {best.loss, told(by_factor(best.loss, std::hypot(doubt, noise)))};
  std::vector<double> sizes, tokens, losses;
  for (const LossLaw& law : fit.parametric->draws) {
    if (!has_optimum(law)) continue;
    const Optimum drawn = surface_optimum(law, compute, k);
    if (!is_size(drawn.size) || !is_size(drawn.tokens)) continue;
    sizes.push_back(drawn.size);
    tokens.push_back(drawn.tokens);
    losses.push_back(drawn.loss);
  }
  const OptimumForecast* const forecast =
      fit.surface_intervals ? forecast_at(fit.surface_intervals->forecasts, compute) : nullptr;
  if (forecast != nullptr) {
    // Scale and tokens have one product.
    const Interval& next = forecast->next;
    estimate.scale.interval = told(next);
    estimate.tokens.interval =
        told({best.tokens * best.size / next.high, best.tokens * best.size / next.low});
  }
  if (sizes.size() < 2) return estimate;
  const double tau = fit.scale_opt.usable() ? fit.scale_opt.t * fit.scale_opt.tau : 0;
  if (!estimate.scale.interval) {
    estimate.scale.interval = told(widened(best.size, percentile_interval(sizes), tau));
    estimate.tokens.interval = told(widened(best.tokens, percentile_interval(tokens), tau));
  }
  if (estimate.loss.interval) {
    const Interval drawn = percentile_interval(losses);
    estimate.loss.interval->low = std::min(estimate.loss.interval->low, drawn.low);
    estimate.loss.interval->high = std::max(estimate.loss.interval->high, drawn.high);
  }
  return estimate;
}

Estimated told_by(const NormalMixture& forecast) {
  return {.value = std::exp(forecast.quantile(0.5)),
          .interval = told({std::exp(forecast.quantile(0.05)), std::exp(forecast.quantile(0.95))})};
}

/// From the 0.5 to the 99.5 % quantile.
std::vector<DensityPoint> density_of(const NormalMixture& forecast) {
  constexpr int kPoints = 33;
  const double low = forecast.quantile(0.005), high = forecast.quantile(0.995);
  std::vector<DensityPoint> density;
  for (int i = 0; i < kPoints; ++i) {
    const double x = low + (high - low) * i / (kPoints - 1);
    density.push_back({.value = std::exp(x), .density = forecast.density(x)});
    // Far from the data a forecast may reach beyond what a number holds.
    if (!is_size(density.back().value) || !std::isfinite(density.back().density)) return {};
  }
  return density;
}

/// D = C / (k scale).
Estimated tokens_of(const Estimated& scale, double product) {
  Estimated tokens{.value = product / scale.value};
  if (scale.interval) {
    tokens.interval = told({product / scale.interval->high, product / scale.interval->low});
  }
  return tokens;
}

std::optional<TargetEstimate> by_posterior(const Predictive& minima, double product) {
  if (!minima.scale) return std::nullopt;
  TargetEstimate estimate{.method = "posterior", .scale = told_by(*minima.scale)};
  estimate.tokens = tokens_of(estimate.scale, product);
  if (minima.loss) estimate.loss = told_by(*minima.loss);
  return estimate;
}

Predictive by_intervals(const Fit& fit, double compute, const TargetOptions& options) {
  if (!fit.parametric || !fit.parametric->usable()) return {};
  const OptimumForecast* forecast = nullptr;
  if (fit.surface_intervals) forecast = forecast_at(fit.surface_intervals->forecasts, compute);
  if (forecast == nullptr) forecast = forecast_at(options.surface, compute);
  return forecast == nullptr ? Predictive{} : surface_predictive(*forecast);
}

Predictive forecast_of(const ForecastWeights& weights, const Predictive& minima,
                       const Predictive& surface) {
  return {linear_pool(minima.scale, surface.scale, weights.scale_surface),
          linear_pool(minima.loss, surface.loss, weights.loss_surface)};
}

/// The one forecast; where neither distribution is to be had, the surface's own estimate.
void set_headline(const Fit& fit, const Predictive& minima, const Predictive& surface,
                  double product, Target& target) {
  const auto [scale, loss] = forecast_of(fit.forecast_weights, minima, surface);
  const TargetEstimate& first = target.estimates.front();
  target.scale = scale ? told_by(*scale) : first.scale;
  target.loss = loss ? told_by(*loss) : first.loss;
  target.tokens = tokens_of(target.scale, product);
  if (scale) target.scale_density = density_of(*scale);
  if (loss) target.loss_density = density_of(*loss);
}

MissCost miss_cost(const Deadweight& waste, const std::optional<ComputeRate>& rate) {
  MissCost cost{.waste = waste};
  if (!rate) return cost;
  cost.gpu_hours = rate->gpu_hours(waste.wasted_compute);
  cost.price = rate->price(waste.wasted_compute);
  return cost;
}

void set_costs(const Fit& fit, const TargetOptions& options, Target& target) {
  if (!fit.parametric || !fit.parametric->usable() || !has_optimum(fit.parametric->law)) return;
  const LossLaw& law = fit.parametric->law;
  // The law counts C by its own k.
  const double unit = options.flops_factor / law.flops_factor();
  const double product = target.compute / unit;
  // As wide as the surface's, about the forecast's median.
  const double shift = target.scale.value / optimum_of(law, product).size;
  for (const double excess : kFlatExcesses) {
    FlatRange range = flat_range(law, product, excess);
    range.low *= shift;
    range.high *= shift;
    if (is_size(range.low) && is_size(range.high)) target.flat.push_back(range);
  }
  if (!target.scale.interval) return;
  const Interval& range = *target.scale.interval;
  const auto cost_if_optimum_is = [&](double size) -> std::optional<MissCost> {
    const double ratio = target.scale.value / size;
    if (!is_size(ratio)) return std::nullopt;
    Deadweight waste = deadweight(law, product, ratio);
    if (!std::isfinite(waste.excess_loss)) return std::nullopt;
    waste.equivalent_compute *= unit;
    waste.wasted_compute *= unit;
    return miss_cost(waste, options.rate);
  };
  target.overestimate = cost_if_optimum_is(range.low);
  target.underestimate = cost_if_optimum_is(range.high);
}

Target predict_target(const Fit& fit, const MinimaForecaster& minima, double compute,
                      const TargetOptions& options) {
  Target target{.compute = compute, .ratio = std::max(1.0, budget_ratio(compute, fit.compute_to))};
  const double product = compute / options.flops_factor;
  const Predictive by_minima = minima.at(compute);
  const auto isoflop = by_isoflop(fit, compute, target.ratio);
  const auto surface = by_surface(fit, compute, target.ratio, options.flops_factor);
  const auto posterior = by_posterior(by_minima, product);
  for (const auto& estimate : {isoflop, surface, posterior}) {
    if (estimate) target.estimates.push_back(*estimate);
  }
  if (isoflop && surface) target.disagreement = surface->scale.value / isoflop->scale.value - 1;
  if (target.estimates.empty()) return target;
  set_light(fit, target);
  const Predictive of_surface = by_intervals(fit, compute, options);
  set_headline(fit, by_minima, of_surface, product, target);
  if (options.without_prior != nullptr) {
    target.without_prior = by_posterior(
        forecast_of(fit.forecast_weights, options.without_prior->at(compute), of_surface), product);
  }
  set_costs(fit, options, target);
  return target;
}

}  // namespace

std::vector<Target> predict_targets(const Fit& fit, const MinimaForecaster& minima,
                                    const TargetOptions& options) {
  std::vector<double> computes = options.computes;
  if (computes.empty()) computes = {10 * fit.compute_to, 100 * fit.compute_to};
  std::vector<Target> targets;
  for (const double compute : computes) {
    if (!(compute > 0) || !std::isfinite(compute)) {
      throw Error(ErrorCode::invalid_argument,
                  "targets: a budget must be finite and > 0, got " + exact_text(compute));
    }
    Target target = predict_target(fit, minima, compute, options);
    if (!target.estimates.empty()) targets.push_back(std::move(target));
  }
  return targets;
}

}  // namespace isoflop
