// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/points/settings.h"

namespace isoflop {

/// How much runs of the grids scatter about smooth surfaces: the residual sd of ln metric about a
/// quadratic in (ln B, ln lr) in each cell, pooled. Only runs near the best of their cell count,
/// since a quadratic does not hold far off: those within 1 % of it, or 2 % or 4 % where that is
/// less than 8 standard deviations or leaves less than 20 degrees of freedom. Nothing where the
/// runs are too few or too alike.
[[nodiscard]] std::optional<double> grid_noise(std::span<const GridCell> cells);

}  // namespace isoflop
