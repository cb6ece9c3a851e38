// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "fit/points/curves.h"
#include "isoflop/fit.h"

namespace isoflop {

/// A surface whose parameters the points tell, and which they do not contradict.
[[nodiscard]] bool is_believable(const Fit& fit);

/// The last step of a fit: calibrated intervals of the surface, the forecast's weights, the targets
/// and what a law keeps. `fit` has all that comes before, hold-outs included.
void extrapolate(std::span<const BudgetGroup> curves, std::span<const Sample> samples, Fit& fit);

}  // namespace isoflop
