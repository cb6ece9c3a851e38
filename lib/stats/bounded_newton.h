// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stats/nonlinear_objective.h"

namespace isoflop {

struct Bounds {
  ParameterVector low, high;
  [[nodiscard]] ParameterVector clipped(const ParameterVector& theta) const {
    return theta.cwiseMax(low).cwiseMin(high);
  }
};

struct NewtonEnd {
  ParameterVector theta;
  double value = 0;
  bool converged = false;
};

/// Damped Newton steps along the eigenvectors of the exact Hessian, parameters at a bound held
/// while the objective falls beyond it. Once the value has converged, full steps while they lower
/// the gradient: the value is flat to rounding where the parameters have half their digits. It goes
/// beside newton.h, which minimises the loss surface alone, thousands of times in a bootstrap:
/// there damping adds the Hessian of re-weighted least squares, which the surface's kernels sum,
/// and five dimensions written out need no eigenvectors.
[[nodiscard]] NewtonEnd minimize_bounded(const NonlinearObjective& objective, const Bounds& bounds,
                                         const ParameterVector& start);

}  // namespace isoflop
