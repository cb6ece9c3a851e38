// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "isoflop/law.h"
#include "isoflop/point.h"
#include "isoflop/training_curve.h"

namespace isoflop::cli {

/// Throws Error(parse) naming the column that curves need for a fit in `scale`, where it is absent.
void require_scale(const std::string& file, std::span<const TrainingCurve> curves,
                   LossLaw::Scale scale);

/// What is odd about the training curves of `file` beside the points: curves of runs that are not
/// among them, and curves whose loss never changes. Throws Error(parse) where no curve is of a run
/// of the points, though these name theirs.
[[nodiscard]] std::vector<std::string> curve_warnings(const std::string& file,
                                                      std::span<const TrainingCurve> curves,
                                                      const PointSet& points);

}  // namespace isoflop::cli
