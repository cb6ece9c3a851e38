// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/json.h"
#include "isoflop/surface.h"

namespace isoflop {

/// What `intervals` says: the calibrated interval of each parameter where there is one, else the
/// resamples' percentiles.
[[nodiscard]] Json parameter_intervals_json(const ParametricFit& fit,
                                            const std::optional<SurfaceIntervals>& calibrated);
[[nodiscard]] Json intervals_json(const SurfaceIntervals& intervals);

}  // namespace isoflop
