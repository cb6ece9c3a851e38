// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "fit/points/sample.h"

namespace isoflop {

/// Computes within this factor of each other may be one budget: digitised budgets scatter by a few
/// percent around their nominal value.
inline constexpr double kSameBudget = 1.05;

inline constexpr std::size_t kMinCurvePoints = 5;  // sizes of an iso-FLOP curve

/// The runs at one budget, ascending in scale.
struct BudgetGroup {
  double budget = 0;    // nominal; the geometric mean of the computes where none is stated
  double compute = 0;   // geometric mean
  bool stated = false;  // the points name the budget; else it was found among their computes
  /// Stated, or the computes show that it was meant; else they are close by chance, and the group
  /// is no iso-FLOP curve.
  bool designed = false;
  std::vector<Sample> samples;
};

/// Groups points by `budget`, or where it is absent by computes within 5 % of a centre; ascending.
/// Those computes are a design if four fifths of such points are in groups of 5 sizes or more, a
/// factor of 1.25 or more apart, no two of one trunk in a group: the diagonals of a grid of sizes
/// and lengths are none, nor are checkpoints, nor points at random. Runs that differ in the seed
/// alone become one sample. Throws as samples_of() does.
[[nodiscard]] std::vector<BudgetGroup> group_by_budget(const PointSet& points,
                                                       LossLaw::Scale scale);

}  // namespace isoflop
