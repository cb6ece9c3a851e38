// SPDX-License-Identifier: Apache-2.0
#include "fit/grid_noise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <Eigen/Dense>

namespace isoflop {
namespace {

/// Of the best of a cell. Step Law's curvatures (about 0.013 per ln^2) put 4 % at a factor of 6 off
/// the optimum.
constexpr double kWindow = 0.04;
constexpr Eigen::Index kColumns = 6;     // of a quadratic in two variables
constexpr Eigen::Index kMinFreedom = 4;  // over all cells

struct Residuals {
  double sum_of_squares = 0;
  Eigen::Index degrees_of_freedom = 0;
};

std::vector<Sample> near_best(const GridCell& cell) {
  double best = std::numeric_limits<double>::infinity();
  for (const Sample& sample : cell.samples) best = std::min(best, sample.metric);
  std::vector<Sample> result;
  for (const Sample& sample : cell.samples) {
    if (sample.metric <= (1 + kWindow) * best) result.push_back(sample);
  }
  return result;
}

/// Of ln metric about a quadratic in (ln B, ln lr); nothing where the cell does not determine it.
Residuals residuals_of(const GridCell& cell) {
  const std::vector<Sample> samples = near_best(cell);
  const auto n = static_cast<Eigen::Index>(samples.size());
  if (n <= kColumns) return {};
  const double x0 = std::log(*samples.front().batch_tokens);
  const double y0 = std::log(*samples.front().peak_lr);
  Eigen::MatrixXd design(n, kColumns);
  Eigen::VectorXd response(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Sample& sample = samples[static_cast<std::size_t>(i)];
    const double x = std::log(*sample.batch_tokens) - x0, y = std::log(*sample.peak_lr) - y0;
    design.row(i) << 1, x, y, x * x, x * y, y * y;
    response[i] = std::log(sample.metric);
  }
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> factors(design);
  if (factors.rank() < kColumns) return {};
  return {(response - design * factors.solve(response)).squaredNorm(), n - kColumns};
}

}  // namespace

std::optional<double> grid_noise(std::span<const GridCell> cells) {
  Residuals all;
  for (const GridCell& cell : cells) {
    const Residuals residuals = residuals_of(cell);
    all.sum_of_squares += residuals.sum_of_squares;
    all.degrees_of_freedom += residuals.degrees_of_freedom;
  }
  if (all.degrees_of_freedom < kMinFreedom) return std::nullopt;
  return std::sqrt(all.sum_of_squares / static_cast<double>(all.degrees_of_freedom));
}

}  // namespace isoflop
