// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "isoflop/point.h"

namespace isoflop {

/// Points as far as they are different runs.
struct IndependentPoints {
  /// Without duplicates, in the order given. Points that repeat a run_id at one size and seed are
  /// checkpoints of one run: where they state no trunk, the run_id becomes it.
  PointSet points;
  /// Labels of points left out: equal to an earlier one in all that they state.
  std::vector<std::string> duplicates;
  std::vector<std::string> repeated_runs;  // run_ids that became trunks
};

[[nodiscard]] IndependentPoints independent_points(const PointSet& points);

}  // namespace isoflop
