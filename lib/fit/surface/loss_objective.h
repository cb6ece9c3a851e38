// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "fit/points/loss_sample.h"
#include "fit/surface/surface_kernels.h"
#include "isoflop/surface.h"

namespace isoflop {

/// Draws of points: at their own target, and with a target of their own where seeds were drawn.
struct LossResample {
  struct Redrawn {
    std::size_t point = 0;
    double target = 0;
  };
  std::vector<double> weights;  // multiplicities, one per point, padded or not
  std::vector<Redrawn> redrawn = {};
};

/// (E, A', B', alpha, beta): the surface as E + A' u^-alpha + B' v^-beta with u and v the size and
/// the tokens over their geometric means. That takes the near-dependence of A on alpha out: the
/// condition number falls from 1e11 to about 10 (arXiv:2603.22339).
inline constexpr int kSurfaceParameters = 5;
using SurfaceVector = std::array<double, kSurfaceParameters>;

/// An objective of the contract over points that someone else keeps, with exact first and second
/// derivatives. Cheap to copy.
class LossObjective {
 public:
  LossObjective(const SurfaceColumns& points, ObjectiveKind kind, double delta);

  [[nodiscard]] double value(const SurfaceVector& surface) const;
  /// For Huber's function the Hessian is that of the piece the residual is in.
  void derivatives(const SurfaceVector& surface, SurfaceDerivatives& result) const;
  /// The same but for the Hessian, which is that of a step of re-weighted least squares: positive
  /// semidefinite, and to first order in the residuals a bound of the objective from above.
  void majorant(const SurfaceVector& surface, SurfaceDerivatives& result) const;

  /// The same points with another delta.
  [[nodiscard]] LossObjective with_delta(double delta) const;
  [[nodiscard]] double delta() const { return loss_.delta; }
  [[nodiscard]] bool is_huber() const { return kind_ != ObjectiveKind::mse; }
  [[nodiscard]] ObjectiveKind kind() const { return kind_; }
  [[nodiscard]] const SurfaceColumns& points() const { return points_; }
  /// What the rounding of doubles alone may make of the value of a perfect fit.
  [[nodiscard]] double rounding_floor() const { return rounding_floor_; }
  /// And of a fit that misses by `value`: n residuals r with errors e sum to 2 sum |r e| at most.
  [[nodiscard]] double rounding_at(double value) const {
    return rounding_floor_ + 2 * std::sqrt(rounding_floor_ * value);
  }
  /// Predicted - loss, or of the logarithms, in the points' order.
  void residuals(const SurfaceVector& surface, std::span<double> result) const;

 private:
  void finish(SurfaceDerivatives& result) const;

  SurfaceColumns points_;
  ObjectiveKind kind_;
  ResidualLoss loss_;
  double rounding_floor_ = 0;
  const SurfaceKernels* kernels_;
};

/// The columns of samples, centred, and an objective over them.
class LossPoints {
 public:
  explicit LossPoints(std::span<const LossSample> samples);

  [[nodiscard]] std::size_t size() const { return n_; }
  [[nodiscard]] std::size_t padded_size() const { return x_.size(); }
  [[nodiscard]] std::span<const double> weights() const { return weight_; }
  [[nodiscard]] SurfaceColumns columns(ObjectiveKind kind) const;
  [[nodiscard]] LossObjective objective(ObjectiveKind kind, double delta) const {
    return {columns(kind), kind, delta};
  }
  /// The surface in the units of the samples, and back.
  [[nodiscard]] LossLaw to_law(const SurfaceVector& surface, LossLaw::Scale scale) const;
  [[nodiscard]] SurfaceVector to_surface(const LossLaw& law) const;

 private:
  std::size_t n_;
  std::vector<double> x_, y_, loss_, log_loss_, weight_;
  double mean_log_size_ = 0, mean_log_tokens_ = 0;
};

/// The columns of a resample: the points that were drawn. Reused without allocating.
class ResampledPoints {
 public:
  explicit ResampledPoints(std::size_t n_points);
  void assign(const SurfaceColumns& points, const LossResample& resample);
  [[nodiscard]] const SurfaceColumns& columns() const { return columns_; }

 private:
  void hold(std::size_t n);

  std::vector<double> x_, y_, target_, weight_;
  SurfaceColumns columns_;
};

}  // namespace isoflop
