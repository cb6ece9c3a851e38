// SPDX-License-Identifier: Apache-2.0
// The minima's laws come with their prediction interval, tau included, and the frontier with its
// relative error times the decades (at least one). The surface has its calibrated interval of a
// further budget, else the bootstrap's percentiles widened by t tau in quadrature; its loss has the
// worst hold-out error per decade, at least 2.5 %, and one run's noise in quadrature, widened to
// the percentiles. The headline is the first estimate in the hull of all intervals and of the
// median hold-out error per decade times the decades, taken from a median to 90 % as of a normal
// error. What a miss costs is the surface's deadweight.
#include "fit/trust/predict_targets.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/estimate/words.h"
#include "isoflop/error.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

// Of a normal error, the half-width of the 90 % interval over the median magnitude.
constexpr double kMedianTo90 = kNormal90 / 0.6745;
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

const HoldoutSummary* summary_of(const Fit& fit, const std::string& method) {
  for (const HoldoutSummary& summary : fit.holdout_summary) {
    if (summary.method == method) return &summary;
  }
  return nullptr;
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

const OptimumForecast* calibrated_at(const Fit& fit, double compute) {
  if (!fit.surface_intervals) return nullptr;
  for (const OptimumForecast& forecast : fit.surface_intervals->forecasts) {
    if (std::abs(forecast.compute / compute - 1) < 1e-9) return &forecast;
  }
  return nullptr;
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
  if (const OptimumForecast* forecast = calibrated_at(fit, compute)) {
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

/// The first estimate, with the hull of all intervals and of what hold-outs were off by.
Estimated honest_scale(const Fit& fit, const Target& target) {
  const double value = target.estimates.front().scale.value;
  Interval hull{value, value};
  const auto include = [&](const Interval& interval) {
    hull.low = std::min(hull.low, interval.low);
    hull.high = std::max(hull.high, interval.high);
  };
  for (const TargetEstimate& estimate : target.estimates) {
    include({estimate.scale.value, estimate.scale.value});
    if (estimate.scale.interval) include(*estimate.scale.interval);
  }
  if (const HoldoutSummary* summary = summary_of(fit, target.estimates.front().method)) {
    const double decades = std::log10(std::max(10.0, target.ratio));
    include(by_factor(value, kMedianTo90 * summary->median_per_decade.scale * decades));
  }
  Estimated scale{.value = value};
  if (hull.low < hull.high) scale.interval = told(hull);
  return scale;
}

/// What speaks against the hold-outs of the estimator that makes the headline; empty: nothing.
std::string missing_evidence(const Fit& fit, const std::string& method) {
  const HoldoutSummary* summary = summary_of(fit, method);
  if (summary == nullptr) return "no budget to hold out";
  const auto missed = [](const char* what, double per_decade) {
    return std::string("hold-outs miss the ") + what + " by " + percent_text(per_decade) +
           " per decade";
  };
  if (summary->misses_scale) return missed("size", summary->median_per_decade.scale);
  if (summary->misses_loss) return missed("loss", summary->median_per_decade.loss);
  return "";
}

/// What makes any answer red: errors that no interval holds.
std::vector<std::string> common_errors(const Fit& fit) {
  std::vector<std::string> reasons;
  if (!fit.pooled.empty()) {
    reasons.push_back(std::to_string(fit.pooled.size()) + " experiments pooled");
  }
  if (shares_one_trunk(fit.sample_size)) reasons.emplace_back("all points share one trunk");
  return reasons;
}

/// By the reach, and one worse where hold-outs do not speak for it.
void set_light(const Fit& fit, Target& target) {
  const std::vector<std::string> common = common_errors(fit);
  target.light = extrapolation_light(target.ratio);
  if (target.light != ExtrapolationLight::ok) {
    target.light_reasons.push_back(rounded_text(target.ratio, 3) + "x beyond the data");
  }
  const std::string missing = missing_evidence(fit, target.estimates.front().method);
  if (!missing.empty() && target.ratio > 1) {
    target.light_reasons.push_back(missing);
    target.light = target.light == ExtrapolationLight::ok
                       ? ExtrapolationLight::caution
                       : ExtrapolationLight::only_with_holdout_evidence;
  }
  if (common.empty()) return;
  target.light = ExtrapolationLight::only_with_holdout_evidence;
  target.light_reasons.insert(target.light_reasons.end(), common.begin(), common.end());
}

/// What the budget buys: as many times fewer tokens as the size is larger.
Estimated tokens_bought(const Estimated& scale, double product) {
  Estimated tokens{.value = product / scale.value};
  if (scale.interval)
    tokens.interval = {product / scale.interval->high, product / scale.interval->low};
  return tokens;
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
  for (const double excess : kFlatExcesses) {
    const FlatRange range = flat_range(law, product, excess);
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

Target predict_target(const Fit& fit, double compute, const TargetOptions& options) {
  Target target{.compute = compute, .ratio = std::max(1.0, budget_ratio(compute, fit.compute_to))};
  const auto isoflop = by_isoflop(fit, compute, target.ratio);
  const auto surface = by_surface(fit, compute, target.ratio, options.flops_factor);
  if (isoflop) target.estimates.push_back(*isoflop);
  if (surface) target.estimates.push_back(*surface);
  if (isoflop && surface) target.disagreement = surface->scale.value / isoflop->scale.value - 1;
  if (target.estimates.empty()) return target;
  set_light(fit, target);
  target.scale = honest_scale(fit, target);
  target.tokens = tokens_bought(target.scale, compute / options.flops_factor);
  set_costs(fit, options, target);
  return target;
}

}  // namespace

std::vector<Target> predict_targets(const Fit& fit, const TargetOptions& options) {
  std::vector<double> computes = options.computes;
  if (computes.empty()) computes = {10 * fit.compute_to, 100 * fit.compute_to};
  std::vector<Target> targets;
  for (const double compute : computes) {
    if (!(compute > 0) || !std::isfinite(compute)) {
      throw Error(ErrorCode::invalid_argument,
                  "targets: a budget must be finite and > 0, got " + exact_text(compute));
    }
    Target target = predict_target(fit, compute, options);
    if (!target.estimates.empty()) targets.push_back(std::move(target));
  }
  return targets;
}

}  // namespace isoflop
