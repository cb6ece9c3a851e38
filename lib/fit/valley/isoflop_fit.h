// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "fit/estimate/power_law_fit.h"
#include "fit/points/curves.h"
#include "fit/valley/frontier_fit.h"
#include "isoflop/law.h"
#include "isoflop/valley.h"

namespace isoflop {

/// Laws through the minima of iso-FLOP curves (arXiv:2401.02954, sec. 3.2).
struct IsoFlopFit {
  std::vector<Valley> valleys;  // one per curve, usable or not
  std::optional<TrunkNoise> trunk_noise;
  PowerLawFit scale_opt, tokens_opt;
  std::optional<FrontierLaw> frontier;
};

/// Largest over smallest size below which sizes are too alike for a curve: over a factor of 1.25 a
/// loss rises by less than a tenth of a percent from its minimum.
inline constexpr double kLeastSizeRange = 1.25;

/// The budgets that were meant as such, with at least kMinCurvePoints sizes that are not too alike,
/// one sample per size.
[[nodiscard]] std::vector<BudgetGroup> curves_of(std::span<const BudgetGroup> groups);
/// Those that state a budget and have as many sizes, too alike.
[[nodiscard]] std::vector<double> narrow_budgets(std::span<const BudgetGroup> groups);

/// `curves` have one sample per scale; ascending in budget. Only bracketed minima enter the laws.
[[nodiscard]] IsoFlopFit fit_isoflop(std::span<const BudgetGroup> curves);

/// The usable minima, each freed of its predicted bias, with their errors; `optimum` is scale_opt
/// or tokens_opt.
[[nodiscard]] std::vector<PowerLawPoint> law_points(std::span<const Valley> valleys,
                                                    double Valley::*optimum);
/// The law through them.
[[nodiscard]] PowerLawFit allocation_law(std::span<const Valley> valleys, double Valley::*optimum,
                                         const std::optional<TrunkNoise>& trunk_noise);

/// The minima that enter the laws, as points of the frontier.
[[nodiscard]] std::vector<FrontierPoint> frontier_points(std::span<const Valley> valleys);

}  // namespace isoflop
