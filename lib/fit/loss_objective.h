// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <Eigen/Core>

#include "isoflop/fit.h"

namespace isoflop {

struct LossSample {
  double size = 0, tokens = 0, loss = 0;
  double weight = 1;  // multiplicity in a resample
};

/// (E, A', B', alpha, beta): the surface as E + A' u^-alpha + B' v^-beta with u and v the size and
/// the tokens over their geometric means. That takes the near-dependence of A on alpha out: the
/// condition number falls from 1e11 to about 10 (arXiv:2603.22339).
using SurfaceVector = Eigen::Matrix<double, 5, 1>;
using SurfaceMatrix = Eigen::Matrix<double, 5, 5>;

/// An objective of the contract over fixed points, with exact first and second derivatives.
class LossObjective {
 public:
  LossObjective(std::span<const LossSample> samples, ObjectiveKind kind, double delta);

  [[nodiscard]] double value(const SurfaceVector& surface) const;
  /// The value; for Huber's function the Hessian is that of the piece the residual is in.
  double derivatives(const SurfaceVector& surface, SurfaceVector& gradient,
                     SurfaceMatrix& hessian) const;

  /// The same points with another delta, or with other weights.
  [[nodiscard]] LossObjective with_delta(double delta) const;
  [[nodiscard]] LossObjective with_weights(std::span<const double> weights) const;

  /// E, A', B' >= 0 for given alpha and beta: weighted linear least squares of the loss, relative
  /// to it where the objective is in logarithms.
  [[nodiscard]] SurfaceVector linear_start(double alpha, double beta) const;
  /// What the rounding of doubles alone may make of the value of a perfect fit.
  [[nodiscard]] double rounding_floor() const;
  /// Largest |residual|.
  [[nodiscard]] double largest_residual(const SurfaceVector& surface) const;

  [[nodiscard]] LossLaw to_law(const SurfaceVector& surface, LossLaw::Scale scale) const;
  [[nodiscard]] double delta() const { return delta_; }
  [[nodiscard]] bool is_huber() const { return kind_ != ObjectiveKind::mse; }
  [[nodiscard]] std::size_t size() const { return points_.size(); }

 private:
  struct CentredPoint {
    double log_size, log_tokens, loss, log_loss, weight;
  };
  [[nodiscard]] double residual(double predicted, const CentredPoint& point) const;

  std::vector<CentredPoint> points_;
  double mean_log_size_ = 0, mean_log_tokens_ = 0;
  ObjectiveKind kind_;
  double delta_;
};

}  // namespace isoflop
