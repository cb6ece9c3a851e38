// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fit/loss_objective.h"

namespace isoflop {

struct NewtonResult {
  SurfaceVector surface;
  double value = 0;
  bool converged = false;
};

/// Least exponent: below it N^-alpha is a constant to the data, and E says the same.
inline constexpr double kMinExponent = 1e-4;
inline constexpr double kMaxExponent = 20;

/// Minimises from `start` within E, A', B' >= 0 and the exponents' range, by Newton steps with
/// negative curvature turned positive and damped until the objective falls. Converged: the full
/// step promises less than 1e-13 of the value.
[[nodiscard]] NewtonResult minimize(const LossObjective& objective, const SurfaceVector& start);

/// The same for Huber's function by way of larger deltas: from where all residuals are in the
/// quadratic part down to the objective's own, by factors of 4.
[[nodiscard]] NewtonResult minimize_by_continuation(const LossObjective& objective,
                                                    const SurfaceVector& start);

}  // namespace isoflop
