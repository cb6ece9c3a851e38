// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/curves.h"

namespace isoflop {

/// How much runs of the grids scatter about one smooth surface: the residual sd of ln metric =
/// m_cell + a quadratic in (ln B, ln lr) whose curvature the cells share and whose slope is linear
/// in ln C. Only runs near the best of their cell count, since a quadratic does not hold far off.
/// Nothing where the runs are too few or too alike to determine the surface.
[[nodiscard]] std::optional<double> grid_noise(std::span<const GridCell> cells);

}  // namespace isoflop
