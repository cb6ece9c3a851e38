// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/slice_optimum.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Core>

#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

/// Those within the window in one piece about the best, and its two neighbours in any case.
std::vector<SliceRun> about_best(const std::vector<SliceRun>& runs, std::size_t best,
                                 double window) {
  const double limit = (1 + window) * runs[best].metric;
  std::size_t first = best, last = best;
  while (first > 0 && (first == best || runs[first - 1].metric <= limit)) --first;
  while (last + 1 < runs.size() && (last == best || runs[last + 1].metric <= limit)) ++last;
  return {runs.begin() + static_cast<std::ptrdiff_t>(first),
          runs.begin() + static_cast<std::ptrdiff_t>(last) + 1};
}

}  // namespace

SliceOptimum slice_optimum(std::vector<SliceRun> runs, double window) {
  SliceOptimum result;
  if (runs.size() < 3) return result;
  std::sort(runs.begin(), runs.end(),
            [](const SliceRun& a, const SliceRun& b) { return a.x < b.x; });
  const auto best = static_cast<std::size_t>(
      std::min_element(runs.begin(), runs.end(),
                       [](const SliceRun& a, const SliceRun& b) { return a.metric < b.metric; }) -
      runs.begin());
  if (best == 0 || best + 1 == runs.size()) {
    result.status = FitStatus::not_bracketed;
    return result;
  }
  const std::vector<SliceRun> near = about_best(runs, best, window);
  const auto n = static_cast<Eigen::Index>(near.size());
  const double centre = runs[best].x;
  Eigen::MatrixX3d design(n, 3);
  Eigen::VectorXd ln_metric(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const double x = near[static_cast<std::size_t>(i)].x - centre;
    design.row(i) << 1, x, x * x / 2;
    ln_metric[i] = std::log(near[static_cast<std::size_t>(i)].metric);
  }
  const LeastSquares fit = least_squares(design, ln_metric);
  if (fit.rank < 3) return result;
  result.n_fitted = n;
  result.curvature = fit.solution(2);
  result.sum_of_squares = fit.residual_sum();
  result.degrees_of_freedom = n - 3;
  result.status = FitStatus::not_convex;
  if (!(result.curvature > 0)) return result;
  const double minimum = -fit.solution(1) / result.curvature;
  result.x = centre + minimum;
  result.metric = std::exp(fit.solution(0) + fit.solution(1) * minimum / 2);
  // x = -g/h, hence dx = -(dg + x dh) / h.
  const Eigen::RowVector2d change(-1 / result.curvature, -minimum / result.curvature);
  result.unit_variance =
      (change * fit.unit_covariance.bottomRightCorner<2, 2>() * change.transpose()).value();
  const bool inside = result.x >= near.front().x && result.x <= near.back().x;
  result.status = inside ? FitStatus::ok : FitStatus::not_bracketed;
  return result;
}

}  // namespace isoflop
