// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "isoflop/fit.h"

namespace isoflop {

/// One for each of fit.options.metric_columns; asked at fit.targets. Throws Error(invalid_argument)
/// for a column that no point has or that is asked for twice, and for a cell that is no number.
[[nodiscard]] std::vector<SecondStage> fit_second_stages(const PointSet& points, const Fit& fit);

}  // namespace isoflop
