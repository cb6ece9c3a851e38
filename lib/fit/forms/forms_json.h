// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/json.h"
#include "isoflop/forms.h"

namespace isoflop {

/// The parts of an isoflop.fit/1 answer that are about forms of the loss surface.
[[nodiscard]] Json forms_json(const std::vector<FormFit>& forms);
[[nodiscard]] Json repetition_json(const Repetition& repetition);
[[nodiscard]] Json form_choice_json(const FormChoice& choice);
[[nodiscard]] Json lack_of_fit_json(const LackOfFit& test);

}  // namespace isoflop
