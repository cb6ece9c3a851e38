// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "fit/points/sample.h"

namespace isoflop {

/// Computes within this factor of each other may be one budget: digitised budgets scatter by a few
/// percent around their nominal value.
inline constexpr double kSameBudget = 1.05;

/// The runs at one budget, ascending in scale.
struct BudgetGroup {
  double budget = 0;    // nominal; the geometric mean of the computes where none is stated
  double compute = 0;   // geometric mean
  bool stated = false;  // the points name the budget; else it was found among their computes
  std::vector<Sample> samples;
};

/// Groups points by `budget`, or where it is absent by computes within 5 % of a centre; ascending.
/// Runs that differ in the seed alone become one sample. Throws as samples_of() does.
[[nodiscard]] std::vector<BudgetGroup> group_by_budget(const PointSet& points,
                                                       LossLaw::Scale scale);

}  // namespace isoflop
