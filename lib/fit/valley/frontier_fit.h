// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "isoflop/law.h"

namespace isoflop {

struct FrontierPoint {
  double compute = 0, loss = 0;
};

/// Fewest minima that tell a floor.
inline constexpr std::int64_t kFewestForFloor = 4;

/// L*(C) = E + A C^-gamma with E >= 0 by least squares of relative residuals, globally: for each
/// gamma E and A follow linearly. Fewer than 4 points, or points that a floor does not help, give E
/// = 0. `relative_error` stays absent. Nothing for fewer than 3 points or a loss that does not
/// fall.
[[nodiscard]] std::optional<FrontierLaw> fit_frontier(std::span<const FrontierPoint> points);

/// Relative half-width of the 90 % prediction interval one decade past the largest compute: how far
/// the prediction moves within the profile interval of gamma (with fewer than 4 points, the
/// interval of the pure power law), or what a hold-out found per decade where that is more.
[[nodiscard]] double frontier_error(std::span<const FrontierPoint> points, const FrontierLaw& law,
                                    double holdout_error_per_decade);

}  // namespace isoflop
