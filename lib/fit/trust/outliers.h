// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/points/sample.h"
#include "fit/surface/loss_law_fit.h"
#include "isoflop/trust.h"

namespace isoflop {

/// The runs whose residual of ln metric is beyond what the largest of as many normal ones reaches
/// in 95 % of sets, and beyond 0.1 %; nothing where there are none, or where they are more than a
/// tenth of the runs: then it is the surface that is off. `surface` was fitted to `samples` by
/// `options`, which fit the rest anew.
[[nodiscard]] std::optional<Outliers> find_outliers(const ParametricFit& surface,
                                                    std::span<const Sample> samples,
                                                    const LossFitOptions& options);

}  // namespace isoflop
