// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/design/grid_design.h"
#include "fit/points/settings.h"
#include "isoflop/hyper.h"
#include "isoflop/next.h"

namespace isoflop {

/// A grid of the points.
struct KnownGrid {
  double params = 0, tokens = 0, compute = 0;
  std::vector<LnSetting> near = {};    // runs near its best
  LnSetting best = LnSetting::Zero();  // its best run
  LnSetting optimum = LnSetting::Zero();
  bool has_optimum = false;          // the best run is at no edge
  std::vector<GridRun> beyond = {};  // runs that its edges lack
};

[[nodiscard]] LnSetting ln_of(const GridRun& run);

/// Each with its optimum by its local surface, else the mean of its near-optimal runs.
[[nodiscard]] std::vector<KnownGrid> known_grids(std::span<const GridCell> cells,
                                                 const HyperFit& fit);

/// Curvature pooled over the local surfaces, noise and scatter as the fit found them, each with a
/// floor.
[[nodiscard]] GridModel grid_model(const HyperFit& fit, std::span<const KnownGrid> grids);

}  // namespace isoflop
