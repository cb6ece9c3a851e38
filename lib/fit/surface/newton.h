// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fit/surface/loss_objective.h"

namespace isoflop {

struct NewtonResult {
  SurfaceVector surface = {};
  double value = 0;
  bool converged = false;
  int n_evaluations = 0;
};

/// Least exponent: below it N^-alpha is a constant to the data, and E says the same.
inline constexpr double kMinExponent = 1e-4;
inline constexpr double kMaxExponent = 20;
/// At a bound with the objective falling beyond it.
[[nodiscard]] bool is_held(const SurfaceVector& surface, const double* gradient, std::size_t i);

/// What a profile holds: E as it is in the start, or beta = `ratio` alpha.
struct Constraint {
  bool fixed_E = false;
  double ratio = 0;  // 0: free
};

/// Minimises from `start` within the bounds by Newton steps, damped until the objective falls and
/// where the Hessian is not positive definite. Converged: a step of little damping (at most
/// 1) promises less than `tolerance` of the value.
[[nodiscard]] NewtonResult minimize(const LossObjective& objective, const SurfaceVector& start,
                                    double tolerance = 1e-13, const Constraint& constraint = {});

/// The same for Huber's function by way of larger deltas: from `first_delta` down to the
/// objective's own, by factors of 4.
[[nodiscard]] NewtonResult minimize_by_continuation(const LossObjective& objective,
                                                    const SurfaceVector& start, double first_delta);

}  // namespace isoflop
