// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "isoflop/estimate.h"

namespace isoflop {

/// The optimum at a budget beyond the data.
struct OptimumForecast {
  double ratio = 1;    // to the largest budget behind the law
  double compute = 0;  // [FLOPs]
  double scale_opt = 0;
  Interval law;   // of the optimum that the law has there
  Interval next;  // of the optimum that one further budget will show: the law's error and tau
};

/// 90 % intervals of a surface by the delta method, with every budget's curve allowed a sideways
/// shift of its own (tau) and each run its noise. They integrate over what the data leave open
/// about tau, which with a handful of budgets is much.
struct SurfaceIntervals {
  Interval E, A, B, alpha, beta, a, b;
  bool has_E = false;          // not where E is held at 0
  double noise = 0;            // of ln loss, per run
  double tau = 0;              // of ln(scale), per budget
  std::int64_t n_budgets = 0;  // behind tau; below 3 it is taken as 0
  std::vector<OptimumForecast> forecasts;
};

/// Ratios to the largest budget at which optima are forecast.
inline constexpr double kForecastRatios[] = {10, 100};

}  // namespace isoflop
