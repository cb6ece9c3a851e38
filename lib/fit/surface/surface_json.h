// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/json.h"
#include "isoflop/forms.h"
#include "isoflop/surface.h"

namespace isoflop {

/// The parts of an isoflop.fit/1 answer that are about loss surfaces.
[[nodiscard]] Json surface_json(const ParametricFit& fit);
[[nodiscard]] Json forms_json(const std::vector<FormFit>& forms);
[[nodiscard]] Json repetition_json(const Repetition& repetition);
[[nodiscard]] Json lack_of_fit_json(const LackOfFit& test);

}  // namespace isoflop
