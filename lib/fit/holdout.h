// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/curves.h"
#include "fit/loss_law_fit.h"
#include "isoflop/fit.h"

namespace isoflop {

/// Leaves out the largest 1 ... n_max budgets with a bracketed minimum, refits on what is cheaper,
/// and predicts the largest one's minimum. `samples` are the surface's points. Stops where fewer
/// than 3 minima would remain.
[[nodiscard]] std::vector<HoldoutScore> score_holdouts(std::span<const BudgetGroup> curves,
                                                       std::span<const Valley> valleys,
                                                       std::span<const Sample> samples,
                                                       std::int64_t n_max,
                                                       const LossFitOptions& surface_options);

}  // namespace isoflop
