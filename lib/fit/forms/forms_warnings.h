// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/estimate/words.h"
#include "isoflop/forms.h"

namespace isoflop {

void warn_of_forms(const std::optional<LackOfFit>& lack_of_fit, std::span<const FormFit> forms,
                   Words& warnings);

void warn_of_repetition(const Repetition& repetition, Words& warnings);

}  // namespace isoflop
