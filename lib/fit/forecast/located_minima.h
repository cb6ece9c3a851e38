// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "fit/points/curves.h"
#include "isoflop/valley.h"

namespace isoflop {

/// Where an iso-FLOP curve has its minimum, for a forecast: also of curves that do not bracket it
/// well enough for a law.
struct LocatedMinimum {
  std::size_t curve = 0;  // row of its valley
  double ln_compute = 0;
  double ln_scale = 0, ln_scale_se = 0;
  double ln_loss = 0, ln_loss_se = 0;
};

/// Of every curve whose best run lies between two others: the valley's, freed of its predicted
/// bias, where it is usable; else the best run's neighbours bracket it, and it is the vertex within
/// them, known to a tenth of the distance between them in ln scale (chosen as the prior's scatter
/// was, docs/decisions/0019-one-forecast.md). Ascending in compute.
[[nodiscard]] std::vector<LocatedMinimum> located_minima(std::span<const BudgetGroup> curves,
                                                         std::span<const Valley> valleys);

}  // namespace isoflop
