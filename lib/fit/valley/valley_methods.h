// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "fit/points/curves.h"
#include "isoflop/valley.h"

namespace isoflop {

/// The minimum of a curve by methods other than the parabola. `valley` is the parabola's answer for
/// the same curve: its window and its compute.

/// Cubic of the metric in ln(scale) by least squares over the parabola's window: its local minimum,
/// which must lie within the window. residual_sum and freedom are what pool_cubic_noise() needs.
struct CubicValley {
  ValleyEstimate estimate;  // errors for residuals of sd 1
  double residual_sum = 0;  // of squares
  double freedom = 0;
};
[[nodiscard]] CubicValley fit_cubic(const BudgetGroup& curve, const Valley& valley);

/// The estimates with the errors of a common relative noise, pooled over the usable ones.
[[nodiscard]] std::vector<ValleyEstimate> pool_cubic_noise(std::vector<CubicValley> cubics);

struct AkimaOptions {
  double noise = 0;             // sd of ln metric of one sample
  bool noise_of_seeds = false;  // then that of a mean over n seeds is noise / sqrt(n)
  std::int64_t n_draws = 200;
  std::uint64_t seed = 0;
};

/// Noise and interpolation (arXiv:2406.19146): adds normal noise to ln metric, interpolates it over
/// ln scale by Akima's curve through all sizes, takes the minimum, over n_draws draws; those with
/// the minimum at an end are left out, and where they are more than half of all the curve is not
/// bracketed. The median is the optimum; its error the draws' sd, at least a third of the sizes'
/// spacing there, below which interpolation knows nothing.
[[nodiscard]] ValleyEstimate fit_akima(const BudgetGroup& curve, const Valley& valley,
                                       const AkimaOptions& options);

}  // namespace isoflop
