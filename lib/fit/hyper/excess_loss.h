// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/points/settings.h"
#include "isoflop/hyper.h"

namespace isoflop {

/// What the batch and learning rate of a law cost in each cell, relative to the optimum found
/// there: by the cell's local surface where that has a minimum and the proposal lies among the runs
/// it was fitted to and no higher than they do; elsewhere by the nearest run in (ln B, ln lr)
/// against the best run. `found` are the cells' own answers, in the same order. A law in C gets the
/// cells' computes, by whatever convention the points have.
[[nodiscard]] ExcessLoss excess_loss(std::span<const GridCell> cells,
                                     std::span<const HyperCell> found, const HyperLaw& law);
[[nodiscard]] ExcessLoss excess_loss(std::span<const GridCell> cells,
                                     std::span<const HyperCell> found, const HyperLawNd& law);

/// Of every estimator's laws in C and in (N, D); of an assumed exponent none.
[[nodiscard]] std::vector<ExcessLoss> own_excess_loss(std::span<const GridCell> cells,
                                                      const HyperFit& fit);
/// Of what `law` says about batch and learning rate: none, one or both forms.
[[nodiscard]] std::vector<ExcessLoss> excess_loss_of(const Law& law,
                                                     std::span<const GridCell> cells,
                                                     const HyperFit& fit);

}  // namespace isoflop
