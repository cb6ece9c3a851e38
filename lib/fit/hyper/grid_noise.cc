// SPDX-License-Identifier: Apache-2.0
// s^2 is the sum of squares over the degrees of freedom of all cells' quadratics, in the narrowest
// window in which it has 20 of them and which is 8 s wide, else in the widest. A wider window adds
// the quadratic's misfit, a narrower one cuts off unlucky runs (decision 6).
#include "fit/hyper/grid_noise.h"

#include <cmath>

#include "fit/hyper/local_quadratic.h"

namespace isoflop {
namespace {

/// Shares of the best of a cell. Step Law's curvatures (about 0.013 per ln^2) put 4 % at a factor
/// of 6 off the optimum, where the misfit of a quadratic is more than its runs' scatter: 0.11 % of
/// scatter in a window of 1 %, 0.18 % in 2 %, 0.28 % in 4 %.
constexpr double kWindows[] = {0.01, 0.02, 0.04};
/// A window of fewer standard deviations would cut off the unlucky runs.
constexpr double kLeastWidth = 8;
/// An sd from 20 degrees of freedom is good to 16 %; from fewer a small one may be luck.
constexpr Eigen::Index kFreedomToTrust = 20;
constexpr Eigen::Index kMinFreedom = 4;  // over all cells

struct Residuals {
  double sum_of_squares = 0;
  Eigen::Index degrees_of_freedom = 0;
  [[nodiscard]] double sd() const {
    return std::sqrt(sum_of_squares / static_cast<double>(degrees_of_freedom));
  }
};

Residuals residuals_of(std::span<const GridCell> cells, double window) {
  Residuals all;
  for (const GridCell& cell : cells) {
    const auto fit = fit_quadratic(near_best(cell, window));
    if (!fit) continue;
    all.sum_of_squares += fit->sum_of_squares;
    all.degrees_of_freedom += fit->degrees_of_freedom;
  }
  return all;
}

}  // namespace

std::optional<double> grid_noise(std::span<const GridCell> cells) {
  Residuals residuals;
  for (const double window : kWindows) {
    residuals = residuals_of(cells, window);
    const bool enough = residuals.degrees_of_freedom >= kFreedomToTrust;
    if (enough && window >= kLeastWidth * residuals.sd()) break;
  }
  if (residuals.degrees_of_freedom < kMinFreedom) return std::nullopt;
  return residuals.sd();
}

}  // namespace isoflop
