// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stats/bounded_newton.h"
#include "stats/nonlinear_objective.h"

namespace isoflop {

/// Levenberg-Marquardt (Ceres's TinySolver) from `start` to near an optimum. A parameter beyond
/// its bound counts as at the bound. Huber's function as a square: s(r)^2 / 2 = H(r).
[[nodiscard]] ParameterVector descend(const NonlinearObjective& objective, const Bounds& bounds,
                                      const ParameterVector& start);

}  // namespace isoflop
