// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/points/settings.h"
#include "isoflop/hyper.h"

namespace isoflop {

/// Laws of the best batch size and learning rate, by every estimator. Those of the fit itself are
/// HyperEstimator::band's (arXiv:2401.02954, sec. 3.1): in each cell the runs within `band` of the
/// best, against C by log-log regression, and against N and D where the cells tell them apart
/// (arXiv:2503.04715). No band: 0.25 %, or twice the noise between runs where that is more, since a
/// narrower one is a list of lucky runs. With fewer than 3 cells, or where their interval leaves an
/// exponent open, the fit's exponent in C is that of `prior`; the estimates keep what they found.
/// excess_loss holds the fit's own laws. Nothing without cells.
[[nodiscard]] std::optional<HyperFit> fit_hyper(std::span<const GridCell> cells,
                                                std::optional<double> band, const HyperLaw& prior);

}  // namespace isoflop
