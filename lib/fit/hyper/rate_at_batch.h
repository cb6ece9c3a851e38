// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "fit/hyper/hyper_regression.h"
#include "fit/points/settings.h"

namespace isoflop {

/// The best rate of every batch of every cell whose own best is within `window` (a share) of the
/// cell's: the minimum of a parabola in ln lr with runs on both sides.
[[nodiscard]] std::vector<HyperRow> best_rates(std::span<const GridCell> cells, double window);

/// ln lr on ln N, ln D and ln B over best_rates(). Where the cells lie on one line in (ln N, ln D)
/// N's exponent is left out, or D's where all cells have one D. Nothing where that leaves fewer
/// cells than parameters, or where B does not vary.
[[nodiscard]] std::optional<RateAtBatchFit> fit_rate_at_batch(std::span<const GridCell> cells,
                                                              double window);

}  // namespace isoflop
