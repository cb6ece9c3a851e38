// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/points/curves.h"
#include "isoflop/valley.h"

namespace isoflop {

/// Runs of one trunk at several budgets have part of their noise in common, and with it the errors
/// of the minima: those of neighbouring budgets, whose windows lie alike about the trunk's size,
/// are positively correlated. The part is read off the residuals about the parabolas by moments:
/// products of residuals of one trunk at two budgets, over what they would be if all noise were
/// common. Nothing where no trunk enters two usable valleys.
[[nodiscard]] std::optional<TrunkNoise> trunk_noise(std::span<const BudgetGroup> curves,
                                                    std::span<const Valley> valleys);

}  // namespace isoflop
