// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <Eigen/Core>

#include "fit/interval/linearised_surface.h"
#include "fit/points/sample.h"
#include "isoflop/law.h"
#include "stats/nonlinear_objective.h"

namespace isoflop {

/// A number that a surface says. The last two are at the split of one budget that the surface
/// prefers, of which `ln_product` is ln(size * tokens).
struct SurfaceQuantity {
  enum class Kind { E, ln_A, ln_B, ln_alpha, ln_beta, a, ln_scale_opt, ln_loss_opt };
  Kind kind = Kind::E;
  double ln_product = 0;
};

/// Surfaces about a fitted one whose losses at the samples are close to the fitted.
class SurfaceRegion {
 public:
  SurfaceRegion(const LossLaw& law, std::span<const Sample> samples);

  [[nodiscard]] double value(const SurfaceQuantity& quantity) const;
  /// By (E, ln A', ln B', alpha, beta) of Linearised.
  [[nodiscard]] Eigen::Matrix<double, 5, 1> gradient(const SurfaceQuantity& quantity) const;

  /// The least or the largest value of `quantity` among surfaces at most `radius` away: the root of
  /// the sum over samples of (ln L - fitted ln L)^2. `step` is about how far that is from the
  /// fitted value. Infinite where nothing ends it within 1e4 steps, a factor of 7e10
  /// and the exponents' range; E is
  /// from 0 to the largest loss.
  enum class Side { least = -1, largest = 1 };
  [[nodiscard]] double extreme(const SurfaceQuantity& quantity, Side side, double radius,
                               double step) const;

 private:
  struct ProfilePoint {
    ParameterVector theta;
    double value = 0, distance = 0;
  };
  void set_usual_surface();
  [[nodiscard]] ProfilePoint nearest_with(const SurfaceQuantity& quantity, double asked,
                                          double weight, const ParameterVector& start) const;

  double mean_log_size_ = 0, mean_log_tokens_ = 0;
  std::vector<Observation> losses_;
  ParameterVector fitted_, low_, high_;  // E, ln A', ln B', ln alpha, ln beta
  ParameterVector usual_;                // a second start
  bool far_ = false;                     // fitted_ is far from it
};

}  // namespace isoflop
