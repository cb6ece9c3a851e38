// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "fit/estimate/words.h"
#include "fit/points/curves.h"
#include "isoflop/fit.h"

namespace isoflop {

/// What a reader must know before acting on a fit, in words: what each wing has to say of its part,
/// in the order in which the parts are shown.
[[nodiscard]] Words collect_warnings(const Fit& fit, std::span<const BudgetGroup> curves,
                                     const PointSet& points);

}  // namespace isoflop
