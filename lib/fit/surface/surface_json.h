// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "base/json.h"
#include "isoflop/forms.h"
#include "isoflop/surface.h"

namespace isoflop {

/// The parts of an isoflop.fit/1 answer that are about loss surfaces.
[[nodiscard]] Json surface_json(const ParametricFit& fit);
[[nodiscard]] Json forms_json(const std::vector<FormFit>& forms);
[[nodiscard]] Json lack_of_fit_json(const LackOfFit& test);
/// What `intervals` says: the calibrated interval of each parameter where there is one, else the
/// resamples' percentiles.
[[nodiscard]] Json parameter_intervals_json(const ParametricFit& fit,
                                            const std::optional<SurfaceIntervals>& calibrated);
[[nodiscard]] Json intervals_json(const SurfaceIntervals& intervals);

}  // namespace isoflop
