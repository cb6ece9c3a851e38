// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "fit/points/settings.h"
#include "isoflop/hyper.h"

namespace isoflop {

/// Share of the best that the runs of a local surface lie within: 2 %, where Step Law's runs are
/// still near a quadratic, or 8 times the noise up to 4 %, so that the noise does not choose them.
[[nodiscard]] double surface_window(std::optional<double> noise);

/// The minimum of each cell's local surface. Standard errors from residuals pooled over the cells.
[[nodiscard]] std::vector<LocalOptimum> find_optima(std::span<const GridCell> cells, double window);

}  // namespace isoflop
