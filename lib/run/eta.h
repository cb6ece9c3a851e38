// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "isoflop/run.h"

namespace isoflop {

/// Seconds until `n_workers`, each at `flops_per_second`, have done runs of these costs [FLOPs],
/// taken in this order by whoever is free first.
[[nodiscard]] double makespan_seconds(std::span<const double> costs, int n_workers,
                                      double flops_per_second);

/// What one worker does per second, by the completed runs of at least half the largest one's cost:
/// small models are slower, and larger ones are what is left. Nothing where none was timed.
[[nodiscard]] std::optional<double> worker_flops_per_second(std::span<const CellStatus> cells);

/// Time to go for all cells that are waiting or running, the running ones first.
[[nodiscard]] std::optional<double> eta_seconds(std::span<const CellStatus> cells, int n_workers);

}  // namespace isoflop
