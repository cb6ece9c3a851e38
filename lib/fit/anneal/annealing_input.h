// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "isoflop/forms.h"

namespace isoflop {

/// Throws as fit_annealing() does for what is no curve, no target or no option.
void require_annealing_input(const std::vector<RateCurve>& curves, const AnnealingOptions& options);

/// As AnnealingOptions::from_step says.
[[nodiscard]] std::int64_t first_annealing_step(const std::vector<RateCurve>& curves,
                                                const AnnealingOptions& options);

/// The first step behind the warm-up whose rate is below the peak.
[[nodiscard]] std::optional<std::int64_t> first_decayed_step(std::span<const double> lr);
/// Whether that is one of 1 to `last`.
[[nodiscard]] bool has_decay(std::span<const double> lr, std::int64_t last);

}  // namespace isoflop
