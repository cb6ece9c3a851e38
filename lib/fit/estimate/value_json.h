// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/estimate.h"

namespace isoflop {

/// JSON knows no infinity, and a steep law of large sizes has an A beyond doubles.
[[nodiscard]] Json finite_or_null(double value);
[[nodiscard]] Json interval_json(const Interval& interval);
[[nodiscard]] Json power_law_json(const PowerLawFit& fit);

}  // namespace isoflop
