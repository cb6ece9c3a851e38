// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fit/surface/newton.h"
#include "isoflop/surface.h"

namespace isoflop {

/// The value of the objective that a profile reaches at the ends of a 90 % interval. For squares it
/// is the minimum times 1 + t^2 / (n - 5), the exact F test of one parameter of a linear model. For
/// Huber's function twice the rise is compared with t^2 times sum(psi^2) / (n - 5) / mean(psi'),
/// the scale of the likelihood-ratio type test of M-estimators (Schrader and Hettmansperger,
/// Biometrika 67, 1980); mean(psi') is the share of residuals within delta or, where delta is
/// narrower than a kernel estimate of a density should be, the share within that width times delta
/// over it.
[[nodiscard]] double profile_limit(const LossObjective& objective, const SurfaceVector& optimum,
                                   std::size_t n_points);

[[nodiscard]] ProfileInterval profile_E(const LossObjective& objective,
                                        const SurfaceVector& optimum, double limit);
/// Of a = beta / (alpha + beta), from 0 to 1.
[[nodiscard]] ProfileInterval profile_a(const LossObjective& objective,
                                        const SurfaceVector& optimum, double limit);

}  // namespace isoflop
