// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "stats/curve_model.h"

namespace isoflop {

/// level: r = predicted - y. log: r = ln predicted - ln y.
enum class ResidualScale { level, log };

/// Summed over observations, as the contract says: w r^2, or w H(r) of Huber's function where
/// there is a delta. Infinite where the model is not defined.
class NonlinearObjective {
 public:
  /// `model` and `observations` must outlive it. delta 0: least squares.
  NonlinearObjective(const CurveModel& model, std::span<const Observation> observations,
                     ResidualScale scale, double delta)
      : model_(model), observations_(observations), scale_(scale), delta_(delta) {}

  [[nodiscard]] double value(const ParameterVector& theta) const;
  /// For Huber's function the Hessian is that of the piece each residual is in.
  double derivatives(const ParameterVector& theta, ParameterVector& gradient,
                     ParameterMatrix& hessian) const;
  /// One residual and its gradient, unweighted.
  double residual(const Observation& observation, const ParameterVector& theta,
                  ParameterVector& gradient) const;
  [[nodiscard]] double residual(const Observation& observation, const ParameterVector& theta) const;

  [[nodiscard]] NonlinearObjective with_delta(double delta) const;
  [[nodiscard]] double largest_residual(const ParameterVector& theta) const;
  /// What the rounding of doubles alone may make of the value of a perfect fit.
  [[nodiscard]] double rounding_floor() const;
  [[nodiscard]] std::span<const Observation> observations() const { return observations_; }
  [[nodiscard]] int n_params() const { return model_.n_params(); }
  [[nodiscard]] double delta() const { return delta_; }
  [[nodiscard]] bool is_huber() const { return delta_ > 0; }

 private:
  const CurveModel& model_;
  std::span<const Observation> observations_;
  ResidualScale scale_;
  double delta_;
};

}  // namespace isoflop
