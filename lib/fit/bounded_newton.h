// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fit/nonlinear_objective.h"

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
/// the gradient: the value is flat to rounding where the parameters have half their digits.
[[nodiscard]] NewtonEnd minimize_bounded(const NonlinearObjective& objective, const Bounds& bounds,
                                         const ParameterVector& start);

}  // namespace isoflop
