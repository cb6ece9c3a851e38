// SPDX-License-Identifier: Apache-2.0
// A number's linearised half-width w and what it makes the surface move by, |h|, give a radius
// w / |h|: the interval holds what all surfaces within that distance of the fitted one say. To
// first order that is the number -+ w; where the points leave a parameter open, or one is at its
// bound, the ends are those of a profile and not of a linearised error.
#include "fit/interval/surface_intervals.h"

#include <algorithm>
#include <cmath>

#include "fit/interval/error_units.h"
#include "fit/interval/linearised_surface.h"
#include "fit/interval/surface_errors.h"
#include "fit/interval/surface_region.h"
#include "isoflop/extrapolation.h"

namespace isoflop {
namespace {

using Kind = SurfaceQuantity::Kind;
using Side = SurfaceRegion::Side;

Interval exponential(const Interval& interval) {
  return {std::exp(interval.low), std::exp(interval.high)};
}

/// The numbers of one surface.
class Doubt {
 public:
  Doubt(const SurfaceErrors& errors, const SurfaceRegion& region, const SurfaceRegion& fitted)
      : errors_(errors),
        region_(region),
        fitted_(fitted),
        alpha_(exponential(interval_of({Kind::ln_alpha}))),
        beta_(exponential(interval_of({Kind::ln_beta}))) {
    // An exponent that is open takes with it what depends on it, as far as it goes itself.
    if (is_open(alpha_)) least_radius_ = radius_of({Kind::ln_alpha});
    if (is_open(beta_)) least_radius_ = std::max(least_radius_, radius_of({Kind::ln_beta}));
  }

  [[nodiscard]] const Interval& alpha() const { return alpha_; }
  [[nodiscard]] const Interval& beta() const { return beta_; }

  [[nodiscard]] Interval interval_of(const SurfaceQuantity& quantity) const {
    const bool of_one_exponent = quantity.kind == Kind::ln_A || quantity.kind == Kind::ln_B;
    const double own = radius_of(quantity);
    const double radius = of_one_exponent ? own : std::max(own, least_radius_);
    const double step = radius * errors_.reach(region_.gradient(quantity));
    const double fitted = fitted_.value(quantity);
    return {std::min(fitted, region_.extreme(quantity, Side::least, radius, step)),
            std::max(fitted, region_.extreme(quantity, Side::largest, radius, step))};
  }

  /// `interval` of a further budget's optimum: with that budget's own shift.
  [[nodiscard]] Interval with_own_shift(const SurfaceQuantity& quantity,
                                        const Interval& interval) const {
    const auto gradient = region_.gradient(quantity);
    const double law = errors_.half_width(gradient), next = errors_.half_width(gradient, 1);
    const double own = std::sqrt(std::max(0.0, next * next - law * law));
    const double value = fitted_.value(quantity);
    return {value - std::hypot(value - interval.low, own),
            value + std::hypot(interval.high - value, own)};
  }

 private:
  [[nodiscard]] double radius_of(const SurfaceQuantity& quantity) const {
    const auto gradient = region_.gradient(quantity);
    return errors_.half_width(gradient) / errors_.reach(gradient);
  }

  const SurfaceErrors& errors_;
  const SurfaceRegion &region_, &fitted_;
  double least_radius_ = 0;
  Interval alpha_, beta_;
};

/// What the intervals lie about. A sum of |r| passes through the runs of one unit after another,
/// and what it makes of errors that whole units have in common is not to first order: there the
/// least squares of the same residuals are the centre.
const LossLaw& centre_of(const ParametricFit& fit, const ErrorUnits& units) {
  if (!units.are_shared() || !fit.diagnostics) return fit.law;
  return fit.diagnostics->objective_sensitivity.back().law;
}

bool has_terms(const LossLaw& law) { return law.a > 0 && law.b > 0; }

/// Errors to first order, about the surface that they are taken at.
struct Linear {
  LossLaw law;
  ErrorUnits units;
  SurfaceErrors errors;
};

std::optional<Linear> linear_errors(const ParametricFit& fit, std::span<const Sample> samples) {
  if (!fit.usable() || !has_terms(fit.law)) return std::nullopt;
  ErrorUnits units = error_units(linearise(fit.law, samples), samples);
  const LossLaw& law = centre_of(fit, units);
  if (!has_terms(law)) return std::nullopt;
  std::optional<SurfaceErrors> errors =
      SurfaceErrors::of(fit, linearise(law, samples), samples, units);
  if (!errors) return std::nullopt;
  return Linear{law, std::move(units), std::move(*errors)};
}

OptimumForecast forecast_by(const Doubt& doubt, const SurfaceRegion& fitted, double compute,
                            double largest_compute, double ln_factor) {
  const double ln_product = std::log(compute) - ln_factor;
  const SurfaceQuantity scale{Kind::ln_scale_opt, ln_product};
  const SurfaceQuantity loss{Kind::ln_loss_opt, ln_product};
  const Interval interval = doubt.interval_of(scale);
  return {.ratio = budget_ratio(compute, largest_compute),
          .compute = compute,
          .scale_opt = std::exp(fitted.value(scale)),
          .law = exponential(interval),
          .next = exponential(doubt.with_own_shift(scale, interval)),
          .loss_opt = std::exp(fitted.value(loss)),
          .loss = exponential(doubt.interval_of(loss))};
}

}  // namespace

std::string_view to_string(Dependence dependence) {
  switch (dependence) {
    case Dependence::trunk:
      return "trunk";
    case Dependence::size:
      return "size";
    default:
      return "none";
  }
}

std::optional<SurfaceIntervals> surface_intervals(const ParametricFit& fit,
                                                  std::span<const Sample> samples,
                                                  double largest_compute,
                                                  std::span<const double> targets) {
  const std::optional<Linear> linear = linear_errors(fit, samples);
  if (!linear) return std::nullopt;
  const auto& [law, units, errors] = *linear;
  const SurfaceRegion region(law, samples), fitted(fit.law, samples);
  const Doubt doubt(errors, region, fitted);

  SurfaceIntervals result;
  result.n_budgets = errors.n_budgets();
  result.noise = errors.noise();
  result.tau = errors.tau();
  result.dependence = units.dependence;
  result.n_units = static_cast<std::int64_t>(units.units.size());
  result.p_of_sizes = units.p_of_sizes;
  result.E = doubt.interval_of({Kind::E});
  result.A = exponential(doubt.interval_of({Kind::ln_A}));
  result.B = exponential(doubt.interval_of({Kind::ln_B}));
  result.alpha = doubt.alpha();
  result.beta = doubt.beta();
  result.a = doubt.interval_of({Kind::a});
  result.a = {std::max(0.0, result.a.low), std::min(1.0, result.a.high)};
  result.b = {1 - result.a.high, 1 - result.a.low};
  std::vector<double> computes(targets.begin(), targets.end());
  for (const double ratio : kForecastRatios) computes.push_back(ratio * largest_compute);
  for (const double compute : computes) {
    result.forecasts.push_back(
        forecast_by(doubt, fitted, compute, largest_compute, std::log(flops_factor(samples))));
  }
  return result;
}

std::vector<OptimumForecast> linear_forecasts(const ParametricFit& fit,
                                              std::span<const Sample> samples,
                                              double largest_compute,
                                              std::span<const double> computes) {
  const std::optional<Linear> linear = linear_errors(fit, samples);
  if (!linear) return {};
  const SurfaceErrors& errors = linear->errors;
  const SurfaceRegion region(linear->law, samples), fitted(fit.law, samples);
  const auto interval = [&](const SurfaceQuantity& quantity, double further) {
    const double value = fitted.value(quantity);
    const double half_width = errors.half_width(region.gradient(quantity), further);
    return exponential({value - half_width, value + half_width});
  };
  std::vector<OptimumForecast> forecasts;
  for (const double compute : computes) {
    const double ln_product = std::log(compute) - std::log(flops_factor(samples));
    const SurfaceQuantity scale{Kind::ln_scale_opt, ln_product};
    const SurfaceQuantity loss{Kind::ln_loss_opt, ln_product};
    forecasts.push_back({.ratio = budget_ratio(compute, largest_compute),
                         .compute = compute,
                         .scale_opt = std::exp(fitted.value(scale)),
                         .law = interval(scale, 0),
                         .next = interval(scale, 1),
                         .loss_opt = std::exp(fitted.value(loss)),
                         .loss = interval(loss, 0)});
  }
  return forecasts;
}

}  // namespace isoflop
