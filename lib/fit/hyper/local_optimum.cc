// SPDX-License-Identifier: Apache-2.0
// z* = -H^-1 g of each cell's quadratic within the window, its error from the residual variance of
// all cells' quadratics, those without a minimum included. The window matters less than the band's
// width: the rate's exponent of N in Step Law's runs is -0.769, -0.695 and -0.633 at 1.5, 2 and 3 %
// (docs/laws.md).
#include "fit/hyper/local_optimum.h"

#include <algorithm>
#include <cmath>

#include "fit/hyper/local_quadratic.h"

namespace isoflop {
namespace {

constexpr double kWindow = 0.02, kWidestWindow = 0.04, kNoiseWindow = 8;

Interval range_of(std::span<const Sample> samples, std::optional<double> Sample::*member) {
  Interval range{*(samples.front().*member), *(samples.front().*member)};
  for (const Sample& sample : samples) {
    range.low = std::min(range.low, *(sample.*member));
    range.high = std::max(range.high, *(sample.*member));
  }
  return range;
}

bool is_outside(double value, const Interval& range) {
  return !(value >= range.low && value <= range.high);
}

/// Without its standard errors, which need all cells.
LocalOptimum describe(const LocalQuadratic& fit, std::span<const Sample> samples) {
  LocalOptimum result;
  result.n_fitted = static_cast<std::int64_t>(samples.size());
  result.batch_range = range_of(samples, &Sample::batch_tokens);
  result.peak_lr_range = range_of(samples, &Sample::peak_lr);
  if (!fit.varies[kBatch] || !fit.varies[kRate]) return result;
  result.batch_curvature = fit.hessian(0, 0);
  result.peak_lr_curvature = fit.hessian(1, 1);
  result.cross_curvature = fit.hessian(0, 1);
  result.status = FitStatus::not_convex;
  if (!fit.is_convex()) return result;
  const Eigen::Vector2d minimum = fit.minimum();
  result.batch_tokens = std::exp(minimum[kBatch]);
  result.peak_lr = std::exp(minimum[kRate]);
  result.metric = std::exp(fit.level + fit.gradient.dot(minimum - fit.centre) / 2);
  result.batch_at_edge = is_outside(result.batch_tokens, result.batch_range);
  result.peak_lr_at_edge = is_outside(result.peak_lr, result.peak_lr_range);
  const bool inside = !result.batch_at_edge && !result.peak_lr_at_edge;
  result.status = inside ? FitStatus::ok : FitStatus::not_bracketed;
  return result;
}

}  // namespace

double LocalOptimum::excess(double batch, double lr) const {
  const double x = std::log(batch / batch_tokens), y = std::log(lr / peak_lr);
  return (batch_curvature * x * x + peak_lr_curvature * y * y) / 2 + cross_curvature * x * y;
}

double surface_window(std::optional<double> noise) {
  return std::clamp(kNoiseWindow * noise.value_or(0), kWindow, kWidestWindow);
}

std::vector<LocalOptimum> find_optima(std::span<const GridCell> cells, double window) {
  std::vector<LocalOptimum> optima;
  std::vector<Eigen::Matrix2d> covariances;
  double squares = 0, freedom = 0;
  for (const GridCell& cell : cells) {
    const std::vector<Sample> samples = near_best(cell, window);
    const auto fit = fit_quadratic(samples);
    optima.push_back(fit ? describe(*fit, samples) : LocalOptimum{});
    const bool has_minimum = optima.back().batch_tokens > 0;
    covariances.push_back(has_minimum ? fit->minimum_covariance() : Eigen::Matrix2d::Zero());
    if (!fit) continue;
    squares += fit->sum_of_squares;
    freedom += static_cast<double>(fit->degrees_of_freedom);
  }
  const double variance = freedom > 0 ? squares / freedom : 0;
  for (std::size_t i = 0; i < optima.size(); ++i) {
    optima[i].ln_batch_se = std::sqrt(variance * covariances[i](0, 0));
    optima[i].ln_peak_lr_se = std::sqrt(variance * covariances[i](1, 1));
  }
  return optima;
}

}  // namespace isoflop
