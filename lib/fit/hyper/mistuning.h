// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/points/settings.h"
#include "isoflop/hyper.h"
#include "isoflop/valley.h"

namespace isoflop {

/// How far batch and learning rate along an iso-FLOP curve, as they were chosen, may have moved its
/// minimum. With x = ln scale, H the curvature of ln metric in z = (ln B, ln lr), u(x) what the
/// runs' setting is off the best one at x and k the curve's curvature of ln metric, the curve is
/// lifted by u'Hu / 2 and its minimum lies at
///   found - true = -u(x)'H w / (k - w'H w),  w = du/dx,
/// with u at the found minimum; exact for quadratics.
///
/// Probes, where there are any: u from the minima of the grids that share the valley's budget at
/// its best size and the next one to either side, at least two of them; each with a minimum inside
/// it. Else the law in (N, D) of `hyper`, with its residual sd, and the mean H of its cells.
/// `noise` is the sd of ln metric of one run. `curve` are the valley's runs, one per scale,
/// ascending.
[[nodiscard]] Mistuning bound_mistuning(const Valley& valley, const BudgetGroup& curve,
                                        std::span<const GridCell> cells, const HyperFit* hyper,
                                        double noise);

}  // namespace isoflop
