// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "isoflop/estimate.h"

namespace isoflop {

/// Runs that differ in one setting alone, x = its logarithm.
struct SliceRun {
  double x = 0, metric = 0;
};

/// The minimum of a parabola of ln metric in x through the runs of a slice near its best.
struct SliceOptimum {
  double x = 0, metric = 0, curvature = 0;
  double unit_variance = 0;  // of x, over the variance of one run's ln metric
  double sum_of_squares = 0;
  std::int64_t degrees_of_freedom = 0;
  std::int64_t n_fitted = 0;
  /// ok; not_bracketed: the minimum, or the best run, is at an end of the runs; not_convex;
  /// too_few_points: fewer than 3 values.
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

/// Of the runs within `window` (a share of the best metric), and the best one's neighbours.
[[nodiscard]] SliceOptimum slice_optimum(std::vector<SliceRun> runs, double window);

}  // namespace isoflop
