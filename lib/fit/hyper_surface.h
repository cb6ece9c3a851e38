// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "fit/curves.h"
#include "isoflop/fit.h"

namespace isoflop {

/// One response surface for all grid cells: ln metric = m_cell + a quadratic in (ln B, ln lr) whose
/// curvature the cells share and whose slope is linear in ln C, so that its minimum moves as power
/// laws B_opt ~ C^p, lr_opt ~ C^q. It uses every run near the best of its cell, where the
/// near-optimal band uses the luckiest ones.
struct HyperSurface {
  PowerLaw batch_tokens, peak_lr;
  Interval batch_exponent, peak_lr_exponent;  // 90 %, runs resampled within cells
  double residual_sd = 0;                     // of ln metric: noise between runs, and lack of fit
};

/// Nothing where the runs do not determine it: too few of them, or no minimum.
[[nodiscard]] std::optional<HyperSurface> fit_hyper_surface(std::span<const GridCell> cells,
                                                            std::int64_t n_bootstrap,
                                                            std::uint64_t seed);

}  // namespace isoflop
