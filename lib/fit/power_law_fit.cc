// SPDX-License-Identifier: Apache-2.0
#include "fit/power_law_fit.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "fit/statistics.h"

namespace isoflop {
namespace {

struct LogPoint {
  double x, y, variance;
};

/// y = level + slope (x - centre) by weighted least squares; level and slope are uncorrelated.
struct Line {
  double centre = 0, level = 0, slope = 0;
  double weight = 0;  // sum of w
  double spread = 0;  // sum of w (x - centre)^2
  double q = 0;       // sum of w r^2
  [[nodiscard]] double at(double x) const { return level + slope * (x - centre); }
};

Line fit_line(std::span<const LogPoint> points, double tau_squared) {
  Line line;
  const auto weight = [&](const LogPoint& p) { return 1 / (p.variance + tau_squared); };
  for (const LogPoint& p : points) {
    line.weight += weight(p);
    line.centre += weight(p) * p.x;
    line.level += weight(p) * p.y;
  }
  line.centre /= line.weight;
  line.level /= line.weight;
  double covariance = 0;
  for (const LogPoint& p : points) {
    const double offset = p.x - line.centre;
    line.spread += weight(p) * offset * offset;
    covariance += weight(p) * offset * (p.y - line.level);
  }
  line.slope = line.spread > 0 ? covariance / line.spread : 0;
  for (const LogPoint& p : points) line.q += weight(p) * std::pow(p.y - line.at(p.x), 2);
  return line;
}

// The tau^2 for which the weighted residuals of the regression without it have their expected size:
// E[Q] = n - 2 + tau^2 tr(P), P = W - W X (X' W X)^-1 X' W.
double moment_tau_squared(std::span<const LogPoint> points) {
  const Line line = fit_line(points, 0);
  double trace = 0;
  for (const LogPoint& p : points) {
    const double w = 1 / p.variance;
    const double offset = p.x - line.centre;
    trace += w - w * w * (1 / line.weight + offset * offset / line.spread);
  }
  const double dof = static_cast<double>(points.size()) - 2;
  return trace > 0 ? std::max(0.0, (line.q - dof) / trace) : 0;
}

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

bool have_one_x(std::span<const LogPoint> points) {
  return std::all_of(points.begin(), points.end(),
                     [&](const LogPoint& p) { return std::abs(p.x - points.front().x) < 1e-9; });
}

Interval around(double centre, double half_width) {
  return {std::exp(centre - half_width), std::exp(centre + half_width)};
}

}  // namespace

Interval PowerLawFit::prediction_interval(double x) const {
  const double slope_error = (std::log(x) - centre) * exponent_se;
  const double error = std::sqrt(level_se * level_se + slope_error * slope_error + tau * tau);
  return around(std::log(law.coefficient) + law.exponent * std::log(x), t * error);
}

PowerLawFit fit_power_law(std::span<const PowerLawPoint> points) {
  PowerLawFit fit;
  fit.n_points = static_cast<std::int64_t>(points.size());
  const std::vector<LogPoint> logs = logarithms(points);
  if (logs.size() < 2 || have_one_x(logs)) return fit;
  const double dof = static_cast<double>(logs.size()) - 2;
  const double tau_squared = dof > 0 ? moment_tau_squared(logs) : 0;
  const Line line = fit_line(logs, tau_squared);
  const double log_coefficient = line.at(0);
  fit.law = {std::exp(log_coefficient), line.slope};
  fit.tau = std::sqrt(tau_squared);
  fit.centre = line.centre;
  if (!(dof > 0)) return fit;
  double sum = 0;
  for (const LogPoint& p : logs) sum += std::pow(p.y - line.at(p.x), 2);
  fit.residual_sd = std::sqrt(sum / dof);
  fit.level_se = std::sqrt(line.q / dof / line.weight);
  fit.exponent_se = std::sqrt(line.q / dof / line.spread);
  fit.t = t90(dof);
  fit.exponent = {line.slope - fit.t * fit.exponent_se, line.slope + fit.t * fit.exponent_se};
  fit.coefficient =
      around(log_coefficient, fit.t * std::hypot(fit.level_se, line.centre * fit.exponent_se));
  fit.status = FitStatus::ok;
  return fit;
}

PowerLawFit fit_coefficient(std::span<const PowerLawPoint> points, double exponent) {
  PowerLawFit fit;
  fit.n_points = static_cast<std::int64_t>(points.size());
  fit.exponent_assumed = true;
  std::vector<double> logs;
  for (const PowerLawPoint& p : points) logs.push_back(std::log(p.y) - exponent * std::log(p.x));
  if (logs.empty()) return fit;
  fit.law = {std::exp(mean(logs)), exponent};
  fit.residual_sd = standard_deviation(logs);
  return fit;
}

}  // namespace isoflop
