// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/points/curves.h"
#include "fit/surface/loss_law_fit.h"
#include "isoflop/forecast_prior.h"
#include "isoflop/surface.h"
#include "isoflop/trust.h"
#include "isoflop/valley.h"

namespace isoflop {

/// On published sweeps the size found one decade out is 5 to 30 % off, the loss 0.5 to 3 %; a fit
/// that does worse on its own hold-out says little about a larger budget.
inline constexpr double kPoorScaleError = 0.3;
inline constexpr double kPoorLossError = 0.03;

struct HoldoutOptions {
  std::int64_t n_max = 3;
  LossFitOptions surface = {};
  ForecastPrior prior = published_prior();
  bool surface_densities = true;  // where the fit's surface is believed
};

/// Leaves out the largest 1 ... n_max budgets with a bracketed minimum, refits on what is cheaper,
/// and predicts the minima of all that were left out, the largest first. `samples` are the
/// surface's points. Stops where fewer than 3 minima would remain.
[[nodiscard]] std::vector<HoldoutScore> score_holdouts(std::span<const BudgetGroup> curves,
                                                       std::span<const Valley> valleys,
                                                       std::span<const Sample> samples,
                                                       const HoldoutOptions& options);

}  // namespace isoflop
