// SPDX-License-Identifier: Apache-2.0
// From the optimum outwards the distance doubles until the profile is above its limit or at the
// bound, then the crossing is bisected; every refit starts from the nearest point inside. The first
// step is the standard error, or a thousandth of what lies between the bounds where there is none.
#include "stats/profile_interval.h"

#include <algorithm>
#include <cmath>

#include "stats/bounded_newton.h"
#include "stats/distributions.h"

namespace isoflop {
namespace {

constexpr int kMostDoublings = 60;
constexpr int kMostHalvings = 40;
constexpr double kEndTolerance = 1e-5;  // of the distance from the optimum

/// The objective minimised with one parameter held.
class HeldObjective {
 public:
  HeldObjective(const NonlinearObjective& objective, const Bounds& bounds, int parameter)
      : objective_(objective), bounds_(bounds), parameter_(parameter) {}
  [[nodiscard]] NewtonEnd at(double x, ParameterVector start) const {
    Bounds held = bounds_;
    held.low[parameter_] = held.high[parameter_] = start[parameter_] = x;
    return minimize_bounded(objective_, held, start);
  }

 private:
  const NonlinearObjective& objective_;
  const Bounds& bounds_;
  int parameter_;
};

double crossing(const HeldObjective& profile, double limit, ParameterVector at_inside,
                double inside, double outside, double reach) {
  for (int i = 0; i < kMostHalvings && std::abs(outside - inside) > kEndTolerance * reach; ++i) {
    const double middle = 0.5 * (inside + outside);
    const NewtonEnd end = profile.at(middle, at_inside);
    if (end.value <= limit) {
      inside = middle;
      at_inside = end.theta;
    } else {
      outside = middle;
    }
  }
  return 0.5 * (inside + outside);
}

double end_towards(const HeldObjective& profile, double limit, const ParameterVector& optimum,
                   double from, double step, double bound) {
  double inside = from;
  ParameterVector at_inside = optimum;
  for (int i = 0; i < kMostDoublings; ++i) {
    const bool last = std::abs(step) >= std::abs(bound - from);
    const double x = last ? bound : from + step;
    const NewtonEnd end = profile.at(x, at_inside);
    if (!(end.value <= limit)) {
      return crossing(profile, limit, at_inside, inside, x, std::abs(x - from));
    }
    if (last) break;
    inside = x;
    at_inside = end.theta;
    step *= 2;
  }
  return bound;
}

}  // namespace

double profile_value(const CurveModel& model, std::span<const Observation> observations,
                     const NonlinearOptions& options, const NonlinearFit& fit, int parameter,
                     double x) {
  const Bounds bounds{options.low, options.high};
  const NonlinearObjective objective(model, observations, options.scale, options.delta.value_or(0));
  return HeldObjective(objective, bounds, parameter).at(x, fit.theta).value;
}

Interval profile_interval(const CurveModel& model, std::span<const Observation> observations,
                          const NonlinearOptions& options, const NonlinearFit& fit, int parameter) {
  const Bounds bounds{options.low, options.high};
  const NonlinearObjective objective(model, observations, options.scale, options.delta.value_or(0));
  const HeldObjective profile(objective, bounds, parameter);
  const double optimum = fit.theta[parameter];
  const double low = bounds.low[parameter];
  const double high = bounds.high[parameter];
  if (!(fit.dof > 0)) return {.low = low, .high = high};
  // Exact observations leave nothing open but their rounding.
  if (fit.value <= objective.rounding_floor()) return {.low = optimum, .high = optimum};
  const double t = t90(fit.dof);
  const double limit = fit.value + t * t * fit.normal_rise;
  const double error = fit.standard_errors[parameter];
  const double step = error > 0 && std::isfinite(error) ? error : 1e-3 * (high - low);
  return {.low = end_towards(profile, limit, fit.theta, optimum, -step, low),
          .high = end_towards(profile, limit, fit.theta, optimum, step, high)};
}

}  // namespace isoflop
