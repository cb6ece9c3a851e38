// SPDX-License-Identifier: Apache-2.0
// L = b0 + b1 u + b2 u^2 + b3 u^3 over the parabola's window, u = ln scale mapped to -1 to 1; the
// minimum is where b1 + 2 b2 u + 3 b3 u^2 = 0 with a positive derivative. Errors by the delta
// method, du = -(0, 1, 2 u, 3 u^2) db / (2 b2 + 6 b3 u), from s^2 (X'X)^-1; s / L is pooled over
// the curves, n - 4 degrees of freedom each. No bias is taken off these minima.
#include <algorithm>
#include <cmath>

#include <Eigen/Core>

#include "fit/valley/parabola.h"
#include "fit/valley/valley_methods.h"
#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr Eigen::Index kColumns = 4;

/// Sizes as offsets from the middle of the window in half-widths: powers stay of one magnitude.
struct CubicDesign {
  double centre = 0, half_width = 1;
  Eigen::MatrixX4d design;
  Eigen::VectorXd metric;
};

CubicDesign design_of(std::span<const Sample> window) {
  const double low = std::log(window.front().scale), high = std::log(window.back().scale);
  CubicDesign result;
  result.centre = 0.5 * (low + high);
  result.half_width = 0.5 * (high - low);
  const auto n = static_cast<Eigen::Index>(window.size());
  result.design.resize(n, kColumns);
  result.metric.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Sample& sample = window[static_cast<std::size_t>(i)];
    const double u = (std::log(sample.scale) - result.centre) / result.half_width;
    result.design.row(i) << 1, u, u * u, u * u * u;
    result.metric[i] = sample.metric;
  }
  return result;
}

// The root of the derivative at which it rises: b1 + 2 b2 u + 3 b3 u^2, without cancellation.
std::optional<double> local_minimum(const Eigen::Vector4d& b) {
  const double discriminant = b[2] * b[2] - 3 * b[3] * b[1];
  if (discriminant < 0) return std::nullopt;
  const double root = std::sqrt(discriminant);
  if (b[2] > 0) return -b[1] / (b[2] + root);
  if (b[3] == 0) return std::nullopt;
  return (root - b[2]) / (3 * b[3]);
}

}  // namespace

CubicValley fit_cubic(const BudgetGroup& curve, const Valley& valley) {
  CubicValley cubic;
  ValleyEstimate& estimate = cubic.estimate;
  estimate.budget = valley.budget;
  estimate.compute = valley.compute;
  const std::vector<Sample> window = fitted_samples(curve, valley);
  if (window.size() < static_cast<std::size_t>(kColumns) + 1) return cubic;
  const CubicDesign of = design_of(window);
  const LeastSquares fit = least_squares(of.design, of.metric);
  const Eigen::Vector4d b = fit.solution;
  const std::optional<double> minimum = local_minimum(b);
  if (!minimum) {
    estimate.status = FitStatus::not_convex;
    return cubic;
  }
  const double u = *minimum;
  estimate.status = std::abs(u) < 1 ? FitStatus::ok : FitStatus::not_bracketed;
  if (!estimate.usable()) return cubic;
  estimate.scale_opt = std::exp(of.centre + of.half_width * u);
  estimate.tokens_opt = tokens_at(window, std::log(estimate.scale_opt));
  const Eigen::Vector4d level_gradient(1, u, u * u, u * u * u);
  estimate.loss_opt = b.dot(level_gradient);
  const Eigen::Vector4d place_gradient =
      Eigen::Vector4d(0, 1, 2 * u, 3 * u * u) * (-of.half_width / (2 * b[2] + 6 * b[3] * u));
  const Eigen::Matrix4d covariance = fit.unit_covariance;
  estimate.ln_scale_se = std::sqrt(place_gradient.dot(covariance * place_gradient));
  estimate.loss_se = std::sqrt(level_gradient.dot(covariance * level_gradient));
  cubic.residual_sum = fit.residual_sum();
  cubic.freedom = static_cast<double>(window.size() - kColumns);
  return cubic;
}

std::vector<ValleyEstimate> pool_cubic_noise(std::vector<CubicValley> cubics) {
  double sum = 0, freedom = 0;
  for (const CubicValley& cubic : cubics) {
    if (!cubic.estimate.usable()) continue;
    sum += cubic.residual_sum / std::pow(cubic.estimate.loss_opt, 2);
    freedom += cubic.freedom;
  }
  const double pooled = freedom > 0 ? std::sqrt(sum / freedom) : 0;
  std::vector<ValleyEstimate> result;
  for (CubicValley& cubic : cubics) {
    cubic.estimate.ln_scale_se *= pooled * cubic.estimate.loss_opt;
    cubic.estimate.loss_se *= pooled * cubic.estimate.loss_opt;
    result.push_back(cubic.estimate);
  }
  return result;
}

}  // namespace isoflop
