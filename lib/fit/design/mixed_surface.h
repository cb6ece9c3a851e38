// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <Eigen/Core>

#include "fit/surface/loss_objective.h"
#include "isoflop/law.h"

namespace isoflop {

/// (E, ln A', ln B', ln alpha, ln beta) of the surface E + A' u^-alpha + B' v^-beta, u and v the
/// size and the tokens over the centre of the points.
using SurfaceGradient = Eigen::Matrix<double, kSurfaceParameters, 1>;

/// A loss at a budget whose curve may lie sideways of the surface's: `budget` is an index.
struct BudgetSample {
  double size = 0, tokens = 0, loss = 0;
  std::size_t budget = 0;
  double n_runs = 1;  // that the loss is the mean of
};

/// What a linear model around a surface needs of it; everything in logarithms of the loss.
class CentredSurface {
 public:
  /// Throws nothing; ask is_interior() first. Sizes and tokens must be positive.
  CentredSurface(const LossLaw& law, std::span<const BudgetSample> samples);

  /// A, B, alpha, beta > 0 and E >= 0: the surface has an optimum at every budget.
  [[nodiscard]] static bool is_interior(const LossLaw& law);

  [[nodiscard]] double ln_loss(double size, double tokens) const;
  [[nodiscard]] SurfaceGradient gradient(double size, double tokens) const;
  /// d ln L / ds of a curve moved by s in ln N at its compute: -d ln L / d ln N with N D fixed.
  [[nodiscard]] double shift_slope(double size, double tokens) const;
  /// ln N*(C), ln L*(C) and their gradients; that of L* by the envelope theorem.
  [[nodiscard]] double ln_optimum(double compute) const;
  [[nodiscard]] double ln_optimal_loss(double compute) const;
  [[nodiscard]] SurfaceGradient optimum_gradient(double compute) const;
  [[nodiscard]] SurfaceGradient optimal_loss_gradient(double compute) const;

  /// The surface a step away; E stays >= 0 and a logarithm moves by at most 0.7.
  [[nodiscard]] CentredSurface moved(const SurfaceGradient& step) const;
  /// How far the parameters are from where a weak prior has them, and that prior's precisions:
  /// exponents about 0.35 within a factor of 3, coefficients within a factor of 20 of a quarter
  /// of the points' mean loss. Published exponents lie between 0.2 and 0.9; a sweep that can be
  /// fitted outweighs it, one that cannot is kept from a variance without bound.
  [[nodiscard]] SurfaceGradient prior_offset() const;
  [[nodiscard]] SurfaceGradient prior_precision() const;
  [[nodiscard]] LossLaw law() const;

 private:
  struct Terms {
    double size, tokens;  // A' u^-alpha, B' v^-beta
  };
  [[nodiscard]] Terms terms(double size, double tokens) const;

  double irreducible_, a_, b_, alpha_, beta_;
  double ln_size_ = 0, ln_tokens_ = 0, mean_loss_ = 0;  // the centre
  LossLaw::Scale scale_;
};

/// ln L = ln f(N, D) + g s_b + noise: the runs of budget b share a sideways shift s_b of their
/// curve, normal with standard deviation tau, so that what they say together of ln N* saturates at
/// 1 / tau^2; the marginal covariance of a budget's runs is sigma^2 I + tau^2 g g^T.
struct MixedSurface {
  CentredSurface surface;
  double noise = 0;          // sigma, relative, of one run
  double tau = 0;            // of ln N*, not less than the floor
  double tau_estimated = 0;  // by REML
};

/// Standard deviation of one run's loss that no sweep is believed to be below.
inline constexpr double kNoiseFloor = 3e-4;

/// Estimates the surface by penalised Gauss-Newton steps from `start`, sigma and tau by restricted
/// maximum likelihood of the linearised model, with residuals beyond 4 robust standard deviations
/// pulled in to that. `start` must be interior.
[[nodiscard]] MixedSurface fit_mixed_surface(std::span<const BudgetSample> samples,
                                             const LossLaw& start, double tau_floor);

}  // namespace isoflop
