// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/fit.h"

namespace isoflop {

/// The parts of an isoflop.fit/1 answer.
[[nodiscard]] Json valley_json(const Valley& valley);
[[nodiscard]] Json power_law_json(const PowerLawFit& fit);
[[nodiscard]] Json surface_json(const ParametricFit& fit);
[[nodiscard]] Json intervals_json(const SurfaceIntervals& intervals);
[[nodiscard]] Json hyper_json(const HyperFit& fit);

}  // namespace isoflop
