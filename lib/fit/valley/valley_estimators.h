// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fit/points/curves.h"
#include "fit/valley/isoflop_fit.h"
#include "isoflop/surface.h"
#include "isoflop/valley.h"

namespace isoflop {

/// Relative sd of one run, pooled over settings that were run with several seeds; nothing below 3
/// degrees of freedom.
[[nodiscard]] std::optional<double> seed_noise(std::span<const BudgetGroup> groups);

struct EstimatorOptions {
  std::optional<double> seed_noise = std::nullopt;  // for akima; else the noise about the parabolas
  std::uint64_t seed = 0;
};

/// All methods side by side, in the order of ValleyMethod. `minima` are the parabolas of `curves`;
/// `surface` may be null, `samples` are those it was fitted to.
[[nodiscard]] std::vector<ValleyEstimator> fit_estimators(std::span<const BudgetGroup> curves,
                                                          const IsoFlopFit& minima,
                                                          const ParametricFit* surface,
                                                          std::span<const Sample> samples,
                                                          const EstimatorOptions& options);

/// At every budget with two estimates, and by the laws at the largest budget times 10 and 100.
[[nodiscard]] std::vector<EstimatorDisagreement> disagreement_of(
    std::span<const ValleyEstimator> estimators);

}  // namespace isoflop
