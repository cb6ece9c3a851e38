// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/json.h"
#include "isoflop/conventions.h"
#include "isoflop/fit.h"

namespace isoflop {

/// The parts of an isoflop.fit/1 answer that say what the rest is worth.
[[nodiscard]] Json conventions_json(const ConventionLadder& ladder);
[[nodiscard]] Json holdout_json(const HoldoutScore& score);
[[nodiscard]] Json holdout_summary_json(std::span<const HoldoutSummary> summaries);
[[nodiscard]] Json target_json(const Target& target);
[[nodiscard]] Json forecast_json(const Fit& fit);
[[nodiscard]] Json sample_size_json(const SampleSize& size);
[[nodiscard]] Json odd_sizes_json(std::span<const OddSize> sizes);
[[nodiscard]] Json outliers_json(const Outliers& outliers);

}  // namespace isoflop
