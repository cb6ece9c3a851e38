// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/points/settings.h"
#include "isoflop/hyper.h"

namespace isoflop {

/// The timescale of AdamW at which each slice of the cells has its least metric, and its power law
/// in D/N (arXiv:2505.13738). `cells` are those of decay_cells(). Nothing without a slice of 3
/// weight decays or more.
[[nodiscard]] std::optional<WeightDecayFit> fit_weight_decay(std::span<const GridCell> cells);

}  // namespace isoflop
