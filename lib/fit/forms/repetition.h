// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fit/forms/form_fit.h"

namespace isoflop {

/// Runs that repeat data, by what they are worth.
struct RepeatedData {
  Repetition repetition;
  /// Sizes and tokens are the effective ones of form data_constrained, if it is used; `compute` is
  /// what they would take, so that C = k N D still holds. If repetition_damage is, metrics are
  /// those without the damage.
  std::vector<Sample> samples;
};

/// Nothing where no run's tokens are over 1 % more than its unique ones. data_constrained is used
/// if its AICc is lower by 4 or more than that of the plain sum, repetition_damage in place of both
/// if its own is lower by 4 or more than theirs.
[[nodiscard]] std::optional<RepeatedData> discount_repeated(std::span<const Sample> samples,
                                                            const FormOptions& options);

}  // namespace isoflop
