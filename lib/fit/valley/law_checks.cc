// SPDX-License-Identifier: Apache-2.0
// What would show that one power law is wrong. Dropping a budget refits the law with the rest of
// the trunks' correlation. The quadratic in ln C has the law's weights 1 / (se^2 + tau^2) with its
// tau; the t of its last coefficient has n - 3 degrees of freedom, or Satterthwaite's where minima
// are correlated. Drift of the grids' centres about the minima as found, and of the predicted bias,
// are unweighted slopes in ln C. (sum w)^2 / sum w^2 says how many budgets of equal weight would
// know as much.
#include "fit/valley/law_checks.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Core>

#include "fit/estimate/power_law_fit.h"
#include "fit/valley/isoflop_fit.h"
#include "stats/correlated_errors.h"
#include "stats/distributions.h"
#include "stats/linear_algebra.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr std::size_t kMinPoints = 4;  // a line less one point, and a parabola with a residual

Correlation without_point(const Correlation& correlation, std::size_t n, std::size_t out) {
  Correlation rest;
  for (std::size_t i = 0; i < correlation.size(); ++i) {
    if (i / n != out && i % n != out) rest.push_back(correlation[i]);
  }
  return rest;
}

void leave_one_out(std::span<const PowerLawPoint> points, const Correlation& correlation,
                   double exponent, LawChecks& checks) {
  if (points.size() < kMinPoints) return;
  Interval range{exponent, exponent};
  double farthest = -1;
  for (std::size_t out = 0; out < points.size(); ++out) {
    std::vector<PowerLawPoint> rest(points.begin(), points.end());
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(out));
    const double without =
        fit_power_law(rest, without_point(correlation, points.size(), out)).law.exponent;
    range = {std::min(range.low, without), std::max(range.high, without)};
    if (std::abs(without - exponent) > farthest) {
      farthest = std::abs(without - exponent);
      checks.leave_one_out_compute = points[out].x;
    }
  }
  checks.leave_one_out = range;
}

void test_curvature(std::span<const LogPoint> points, const Correlation& correlation, double tau,
                    LawChecks& checks) {
  if (points.size() < kMinPoints) return;
  const auto n = static_cast<Eigen::Index>(points.size());
  const double centre = fit_line(points, tau * tau).centre;
  Eigen::MatrixX3d design(n, 3);
  Eigen::VectorXd response(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const LogPoint& p = points[static_cast<std::size_t>(i)];
    const double root = 1 / std::sqrt(p.variance + tau * tau), x = p.x - centre;
    design.row(i) << root, root * x, root * x * x;
    response[i] = root * p.y;
  }
  const LeastSquares fit = least_squares(design, response);
  const double curvature = fit.solution(2, 0);
  const auto [errors, freedom] =
      coefficient_errors(design, fit.unit_covariance, fit.residual_sum(),
                         weighted_covariance(points, tau * tau, correlation));
  const double error = std::sqrt(errors(2, 2));
  checks.curvature = curvature;
  // Exact points have a residual of rounding alone, and no curvature to be tested.
  const double rounding =
      1e-12 * response.cwiseAbs().maxCoeff() * std::sqrt(fit.unit_covariance(2, 2));
  checks.curvature_p =
      student_t_two_sided(curvature / std::max({error, rounding, 1e-300}), freedom);
}

/// Least squares slope of y on x.
double slope_of(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<LogPoint> points;
  for (std::size_t i = 0; i < x.size(); ++i) points.push_back({x[i], y[i], 1});
  return fit_line(points, 0).slope;
}

void measure_drift(std::span<const Valley> valleys, LawChecks& checks) {
  std::vector<double> log_compute, offset, bias;
  for (const Valley& valley : valleys) {
    if (!valley.usable()) continue;
    const double log_centre =
        0.5 * (std::log(valley.fitted_scale.low) + std::log(valley.fitted_scale.high));
    log_compute.push_back(std::log(valley.compute));
    offset.push_back(log_centre - std::log(valley.scale_opt));
    if (valley.closed_form_bias) bias.push_back(valley.predicted_bias);
  }
  checks.centre_drift = slope_of(log_compute, offset);
  if (bias.size() == offset.size()) checks.drift_bias = slope_of(log_compute, bias);
}

double effective_number(std::span<const LogPoint> points, double tau) {
  double sum = 0, squares = 0;
  for (const LogPoint& p : points) {
    const double w = 1 / (p.variance + tau * tau);
    sum += w;
    squares += w * w;
  }
  return sum * sum / squares;
}

}  // namespace

std::optional<LawChecks> check_laws(std::span<const Valley> valleys, const PowerLawFit& scale_opt,
                                    const PowerLawFit& tokens_opt,
                                    const std::optional<TrunkNoise>& trunk_noise) {
  if (!scale_opt.usable()) return std::nullopt;
  const std::vector<PowerLawPoint> points = law_points(valleys, &Valley::scale_opt);
  const std::vector<LogPoint> logs = logarithms(points);
  const Correlation correlation = trunk_noise ? trunk_noise->correlation : Correlation{};
  LawChecks checks;
  leave_one_out(points, correlation, scale_opt.law.exponent, checks);
  test_curvature(logs, correlation, scale_opt.tau, checks);
  if (tokens_opt.usable()) checks.exponent_sum = scale_opt.law.exponent + tokens_opt.law.exponent;
  measure_drift(valleys, checks);
  checks.effective_budgets = effective_number(logs, scale_opt.tau);
  return checks;
}

}  // namespace isoflop
