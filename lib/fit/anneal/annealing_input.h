// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "isoflop/forms.h"

namespace isoflop {

/// Throws as fit_annealing() does for what is no curve, no target or no option.
void require_annealing_input(const std::vector<RateCurve>& curves, const AnnealingOptions& options);

/// As AnnealingOptions::from_step says.
[[nodiscard]] std::int64_t first_annealing_step(const std::vector<RateCurve>& curves,
                                                const AnnealingOptions& options);

/// Whether the rate is below its peak, or was, at some step behind the warm-up, 1 to `last`.
[[nodiscard]] bool has_decay(std::span<const double> lr, std::int64_t last);

}  // namespace isoflop
