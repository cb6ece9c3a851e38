// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <Eigen/Core>

#include "fit/design/mixed_surface.h"

namespace isoflop {

/// Standard deviations of ln N* and ln L* at a target.
struct TargetError {
  double ln_scale = 0, ln_loss = 0;
};

/// Covariance of the surface's parameters and of the budgets' shifts, given runs that were or will
/// be done: the mixed model, linearised. A run more is an update of rank one.
class DesignState {
 public:
  /// A run as the linear model sees it: d ln L by the parameters and by its budget's shift.
  struct Row {
    SurfaceGradient slope;
    double shift_slope = 0;
    std::size_t budget = 0;
  };
  [[nodiscard]] static Row row_of(const CentredSurface& surface, double size, double tokens,
                                  std::size_t budget);

  /// `n_budgets`: of the samples and of the runs to come.
  DesignState(const MixedSurface& model, std::span<const BudgetSample> samples,
              std::size_t n_budgets, double target_compute);

  void add(const Row& row);
  /// By how much the run would lower the variances of ln N* and ln L* (as squares).
  struct Gain {
    double ln_scale = 0, ln_loss = 0;
  };
  [[nodiscard]] Gain gain(const Row& row) const;
  /// By how much it would raise the log determinant of the parameters' information (D-optimality).
  [[nodiscard]] double determinant_gain(const Row& row) const;
  [[nodiscard]] TargetError error() const;

 private:
  [[nodiscard]] double predicted_variance(const Row& row) const;

  Eigen::MatrixXd covariance_;
  double noise_squared_;
  SurfaceGradient to_scale_, to_loss_;
  Eigen::VectorXd scale_row_, loss_row_;  // covariance of the targets with everything
};

}  // namespace isoflop
