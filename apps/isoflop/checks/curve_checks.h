// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "isoflop/point.h"
#include "isoflop/training_curve.h"

namespace isoflop::cli {

/// What is odd about the training curves of `file` beside the points: curves of runs that are not
/// among them, and curves whose loss never changes. Throws Error(parse) where no curve is of a run
/// of the points, though these name theirs.
[[nodiscard]] std::vector<std::string> curve_warnings(const std::string& file,
                                                      std::span<const TrainingCurve> curves,
                                                      const PointSet& points);

}  // namespace isoflop::cli
