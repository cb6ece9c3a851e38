// SPDX-License-Identifier: Apache-2.0
// First tau^2 from what the points' own errors leave unexplained, then the line with weights
// 1 / (se^2 + tau^2), then its errors from its own weighted residuals, q / (n - 2) (Hartung and
// Knapp). That factor may be below 1: kept at 1 or more, the intervals cover 98 % at tau = 0
// (decision 12). A prediction is for the optimum of a further budget and has that budget's own
// tau^2 in it.
#include "fit/estimate/power_law_fit.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "stats/correlated_errors.h"
#include "stats/distributions.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

bool have_one_x(std::span<const LogPoint> points) {
  return std::all_of(points.begin(), points.end(),
                     [&](const LogPoint& p) { return std::abs(p.x - points.front().x) < 1e-9; });
}

PowerLawFit fit_law(std::span<const PowerLawPoint> points, const Correlation& correlation,
                    const auto& tau_squared_of) {
  PowerLawFit fit;
  fit.n_points = static_cast<std::int64_t>(points.size());
  const std::vector<LogPoint> logs = logarithms(points);
  if (logs.size() < 2 || have_one_x(logs)) return fit;
  const double dof = static_cast<double>(logs.size()) - 2;
  const double scatter = dof > 0 ? tau_squared_of(logs) : 0;
  const Line line = fit_line(logs, scatter);
  const double log_coefficient = line.at(0);
  const double coefficient = std::exp(log_coefficient);
  if (!(coefficient > 0) || !std::isfinite(coefficient)) {
    fit.status = FitStatus::not_converged;  // points at nearly one x point beyond all numbers
    return fit;
  }
  fit.law = {coefficient, line.slope};
  fit.tau = std::sqrt(scatter);
  fit.centre = line.centre;
  if (!(dof > 0)) return fit;
  double sum = 0;
  for (const LogPoint& p : logs) sum += std::pow(p.y - line.at(p.x), 2);
  fit.residual_sd = std::sqrt(sum / dof);
  const LineErrors errors = line_errors(logs, scatter, correlation);
  fit.centre = errors.centre;
  fit.level_se = errors.level_se;
  fit.exponent_se = errors.slope_se;
  fit.dof = errors.dof;
  fit.t = t90(errors.dof);
  set_intervals(fit, log_coefficient);
  fit.status = std::isfinite(fit.coefficient.high) ? FitStatus::ok : FitStatus::not_converged;
  return fit;
}

}  // namespace

std::vector<LogPoint> logarithms(std::span<const PowerLawPoint> points) {
  // Errors that are zero or absurdly small beside the others would take all the weight.
  double largest = 0;
  for (const PowerLawPoint& p : points) largest = std::max(largest, p.ln_y_se);
  const double floor = std::max(1e-9, 1e-3 * largest);
  std::vector<LogPoint> result;
  for (const PowerLawPoint& p : points) {
    const double error = std::max(p.ln_y_se, floor);
    result.push_back({std::log(p.x), std::log(p.y), error * error});
  }
  return result;
}

Interval PowerLawFit::prediction_interval(double x) const {
  const double slope_error = (std::log(x) - centre) * exponent_se;
  const double error = std::sqrt(level_se * level_se + slope_error * slope_error + tau * tau);
  return around_log(std::log(law.coefficient) + law.exponent * std::log(x), t * error);
}

void set_intervals(PowerLawFit& fit, double ln_coefficient) {
  fit.exponent = around(fit.law.exponent, fit.t * fit.exponent_se);
  fit.coefficient =
      around_log(ln_coefficient, fit.t * std::hypot(fit.level_se, fit.centre * fit.exponent_se));
}

PowerLawFit fit_power_law(std::span<const PowerLawPoint> points, TauMethod method) {
  return fit_law(points, {},
                 [&](std::span<const LogPoint> logs) { return tau_squared(logs, method); });
}

PowerLawFit fit_power_law(std::span<const PowerLawPoint> points, const Correlation& correlation) {
  return fit_law(points, correlation,
                 [&](std::span<const LogPoint> logs) { return tau_squared(logs, correlation); });
}

}  // namespace isoflop
