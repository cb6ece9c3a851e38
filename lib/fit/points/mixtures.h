// SPDX-License-Identifier: Apache-2.0
// Mixtures of experts among the points, by the columns n_experts and total_params.
#pragma once

#include <string>
#include <vector>

#include "isoflop/point.h"

namespace isoflop {

/// More than one expert, or more parameters in all than the active ones.
[[nodiscard]] bool is_mixture(const Point& point);

/// Throws Error(invalid_argument) naming point, column and value for a cell that is no number > 0,
/// and Error(frame_mismatch) naming a dense point and a mixture, where there are both and none
/// of `forms` is of mixtures.
void require_one_kind(const PointSet& points, const std::vector<std::string>& forms);

/// Numbers of experts that differ, which every law but a form of mixtures takes for one.
void warn_of_mixtures(const PointSet& points, std::vector<std::string>& warnings);

}  // namespace isoflop
