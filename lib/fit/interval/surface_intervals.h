// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "fit/points/sample.h"
#include "isoflop/surface.h"

namespace isoflop {

/// The intervals of `fit`, the surface of `samples`; `group` of a sample is its budget, and samples
/// of one `trunk` may err together. Nothing where too few points are left to tell noise from the
/// surface, or where A or B is 0.
[[nodiscard]] std::optional<SurfaceIntervals> surface_intervals(
    const ParametricFit& fit, std::span<const Sample> samples, double largest_compute,
    std::span<const double> targets = {});

/// The optima at `computes` by linearised errors alone, which take no search: with open ends not
/// told from far ones. Nothing where surface_intervals() gives nothing.
[[nodiscard]] std::vector<OptimumForecast> linear_forecasts(const ParametricFit& fit,
                                                            std::span<const Sample> samples,
                                                            double largest_compute,
                                                            std::span<const double> computes);

/// What was forecast for `compute`, or nullptr.
[[nodiscard]] inline const OptimumForecast* forecast_at(std::span<const OptimumForecast> forecasts,
                                                        double compute) {
  for (const OptimumForecast& forecast : forecasts) {
    if (std::abs(forecast.compute / compute - 1) < 1e-9) return &forecast;
  }
  return nullptr;
}

/// Whether the points leave an end of a positive number open.
[[nodiscard]] inline bool is_open(const Interval& interval) {
  return !(interval.low > 0) || !std::isfinite(interval.high);
}

}  // namespace isoflop
