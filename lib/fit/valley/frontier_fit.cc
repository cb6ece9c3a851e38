// SPDX-License-Identifier: Apache-2.0
// L = E + s u with u = (C / C0)^-gamma is linear in E and s: for each gamma they follow from two
// normal equations with weights 1 / L^2, E held at 0 where it or s would not be positive. gamma is
// the best of 401 values from 0.001 to 3, sharpened by golden section. The doubt of a forecast is
// read off this profile, sums of squares up to S (1 + t^2 / (n - 3)), and not off a linearised
// error.
#include "fit/valley/frontier_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "fit/estimate/power_law_fit.h"
#include "stats/distributions.h"
#include "stats/golden_section.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kMinGamma = 1e-3;
constexpr double kMaxGamma = 3;
constexpr int kGridSize = 400;

/// For one gamma: L = floor + slope u, u = (C / C_0)^-gamma with C_0 the geometric mean.
struct Inner {
  double floor = 0, slope = 0;
  double cost = std::numeric_limits<double>::infinity();
};

Inner solve_inner(std::span<const FrontierPoint> points, double log_centre, double gamma) {
  double s1 = 0, su = 0, suu = 0, sy = 0, suy = 0;
  std::vector<double> u;
  for (const FrontierPoint& p : points) {
    u.push_back(std::exp(-gamma * (std::log(p.compute) - log_centre)));
    const double w = 1 / (p.loss * p.loss);
    s1 += w;
    su += w * u.back();
    suu += w * u.back() * u.back();
    sy += w * p.loss;
    suy += w * u.back() * p.loss;
  }
  Inner result;
  const double determinant = s1 * suu - su * su;
  if (determinant > 1e-14 * s1 * suu) {
    result.floor = (suu * sy - su * suy) / determinant;
    result.slope = (s1 * suy - su * sy) / determinant;
  }
  if (!(result.floor > 0) || !(result.slope > 0)) {
    result.floor = 0;
    result.slope = suy / suu;
  }
  result.cost = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double r = (result.floor + result.slope * u[i]) / points[i].loss - 1;
    result.cost += r * r;
  }
  return result;
}

std::vector<PowerLawPoint> power_law_points(std::span<const FrontierPoint> points) {
  std::vector<PowerLawPoint> result;
  for (const FrontierPoint& p : points) result.push_back({.x = p.compute, .y = p.loss});
  return result;
}

double log_mean_compute(std::span<const FrontierPoint> points) {
  double sum = 0;
  for (const FrontierPoint& p : points) sum += std::log(p.compute);
  return sum / static_cast<double>(points.size());
}

double grid_gamma(int i) {
  return kMinGamma * std::pow(kMaxGamma / kMinGamma, static_cast<double>(i) / kGridSize);
}

double power_law_doubt(std::span<const FrontierPoint> points, double target) {
  const Interval interval = fit_power_law(power_law_points(points)).prediction_interval(target);
  return 0.5 * std::log(interval.high / interval.low);
}

// How far the prediction moves over the gammas whose profile is within the 90 % F bound of the
// best: the floor is known no better than this.
double profile_doubt(std::span<const FrontierPoint> points, const FrontierLaw& law, double target) {
  const double log_centre = log_mean_compute(points);
  const double dof = static_cast<double>(points.size()) - 3;
  const double t = t90(dof);
  const double best = solve_inner(points, log_centre, -law.exponent).cost;
  double widest = 0;
  for (int i = 0; i <= kGridSize; ++i) {
    const double gamma = grid_gamma(i);
    const Inner inner = solve_inner(points, log_centre, gamma);
    if (inner.cost > best * (1 + t * t / dof)) continue;
    const double predicted =
        inner.floor + inner.slope * std::exp(-gamma * (std::log(target) - log_centre));
    widest = std::max(widest, std::abs(std::log(predicted / law(target))));
  }
  return widest;
}

}  // namespace

std::optional<FrontierLaw> fit_frontier(std::span<const FrontierPoint> points) {
  const PowerLawFit pure = fit_power_law(power_law_points(points));
  if (!pure.usable() || !(pure.law.exponent < 0)) return std::nullopt;
  const FrontierLaw without_floor{.coefficient = pure.law.coefficient,
                                  .exponent = pure.law.exponent};
  if (std::ssize(points) < kFewestForFloor) return without_floor;
  const double log_centre = log_mean_compute(points);
  const auto cost = [&](double log_gamma) {
    return solve_inner(points, log_centre, std::exp(log_gamma)).cost;
  };
  const double step = std::log(kMaxGamma / kMinGamma) / kGridSize;
  double best = std::log(kMinGamma);
  double best_cost = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= kGridSize; ++i) {
    const double log_gamma = std::log(grid_gamma(i));
    if (const double c = cost(log_gamma); c < best_cost) {
      best = log_gamma;
      best_cost = c;
    }
  }
  const double gamma = std::exp(golden_section(best - step, best + step, 1e-13, cost));
  const Inner inner = solve_inner(points, log_centre, gamma);
  if (!(inner.floor > 0)) return without_floor;
  return FrontierLaw{.irreducible = inner.floor,
                     .coefficient = inner.slope * std::exp(gamma * log_centre),
                     .exponent = -gamma};
}

double frontier_error(std::span<const FrontierPoint> points, const FrontierLaw& law,
                      double holdout_error_per_decade) {
  const auto largest =
      std::max_element(points.begin(), points.end(),
                       [](const auto& a, const auto& b) { return a.compute < b.compute; });
  const double target = 10 * largest->compute;
  const double doubt = std::ssize(points) < kFewestForFloor ? power_law_doubt(points, target)
                                                            : profile_doubt(points, law, target);
  return std::max(doubt, holdout_error_per_decade);
}

}  // namespace isoflop
