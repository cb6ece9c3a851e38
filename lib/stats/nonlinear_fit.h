// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "stats/nonlinear_objective.h"

namespace isoflop {

struct NonlinearOptions {
  ResidualScale scale = ResidualScale::level;
  /// Huber's threshold; absent: least squares.
  std::optional<double> delta;
  /// Of every parameter.
  ParameterVector low, high;
  /// At least one; values outside the bounds are moved to them.
  std::vector<ParameterVector> starts;
};

struct NonlinearFit {
  ParameterVector theta;
  double value = 0;  // the objective, summed over observations
  /// Least squares: sqrt(diag(s^2 (J'J)^-1)), s^2 = value / (n - p). Huber: the same with the
  /// M-estimator's s^2 = K^2 sum(psi^2)/(n - p)/m^2, m the share of |r| <= delta and
  /// K = 1 + p (1 - m) / (n m) (Huber, Robust Statistics, 1981, 7.6). p counts what is not at a
  /// bound; 0 at a bound.
  ParameterVector standard_errors;
  ParameterMatrix covariance;  // behind them
  double error_variance = 0;   // s^2 in it
  double dof = 0;              // n - p of it
  /// s^2 for normal errors: S^2 huber_inefficiency(delta / S), S^2 the squares of the residuals
  /// over n - p. Few residuals lie within a small delta, so their share tells less; outliers widen
  /// it.
  double normal_variance = 0;
  /// (ditto) by which the objective rises where one parameter is t standard errors off, over t^2.
  double normal_rise = 0;
  /// Of the Jacobian with columns of unit length: what collinearity the points leave.
  double condition_number = 0;
  std::vector<int> at_bound;
  std::int64_t n_starts = 0, n_starts_agreeing = 0;
  bool converged = false;
};

/// The lowest optimum that any start leads to. From each start, Levenberg-Marquardt on automatic
/// derivatives (Ceres's TinySolver); from each distinct end, Newton's method with exact second
/// derivatives and active bounds until no step changes the gradient any more. For Huber's function
/// the second stage runs twice: from the least-squares ends with delta lowered step by step, and
/// from ends of the robust objective itself. Deterministic.
[[nodiscard]] NonlinearFit fit_nonlinear(const CurveModel& model,
                                         std::span<const Observation> observations,
                                         const NonlinearOptions& options);

}  // namespace isoflop
