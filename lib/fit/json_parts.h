// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/fit.h"

namespace isoflop {

/// The parts of an isoflop.fit/1 answer.
[[nodiscard]] Json valley_json(const Valley& valley);
[[nodiscard]] Json power_law_json(const PowerLawFit& fit);
[[nodiscard]] Json surface_json(const ParametricFit& fit);
[[nodiscard]] Json hyper_json(const HyperFit& fit);
[[nodiscard]] Json conventions_json(const ConventionLadder& ladder);
[[nodiscard]] Json mistuning_json(const Mistuning& mistuning);

}  // namespace isoflop
