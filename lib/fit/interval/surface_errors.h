// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "fit/interval/budget_shifts.h"
#include "fit/interval/error_units.h"
#include "fit/interval/linearised_surface.h"
#include "isoflop/surface.h"
#include "stats/clustered_errors.h"

namespace isoflop {

/// Errors of numbers that a fitted surface says, to first order: with gradient g by the parameters
/// a number errs by h' (Z s + e), h = J^+' g, J the Jacobian of ln L, Z its slope along each
/// budget's curve, s the budgets' shifts and e the noise of the runs.
class SurfaceErrors {
 public:
  /// Nothing where too few points are left to tell noise from the surface.
  [[nodiscard]] static std::optional<SurfaceErrors> of(const ParametricFit& fit,
                                                       const Linearised& line,
                                                       std::span<const Sample> samples,
                                                       const ErrorUnits& units);

  /// Half-width of the 90 % interval, `further` tau^2 on top of what the shifts give.
  [[nodiscard]] double half_width(const Eigen::Matrix<double, 5, 1>& gradient,
                                  double further = 0) const;
  /// |h|: how far, as the root of the summed squares of ln L, the surface moves for an error of 1.
  [[nodiscard]] double reach(const Eigen::Matrix<double, 5, 1>& gradient) const;

  [[nodiscard]] double noise() const;  // of ln L, per run
  [[nodiscard]] double tau() const;
  [[nodiscard]] std::int64_t n_budgets() const { return shifts_.n_budgets(); }

 private:
  SurfaceErrors(const ParametricFit& fit, const Linearised& line, std::span<const Sample> samples,
                const ErrorUnits& units);
  [[nodiscard]] ClusteredErrors::Variance noise_of(const Eigen::VectorXd& influence) const;
  [[nodiscard]] double mixture_quantile(double of_noise, double of_shifts, double dof) const;

  Eigen::VectorXd slide_;
  BudgetRows budgets_;
  BudgetShifts shifts_;
  std::vector<double> tau_squared_;
  double inefficiency_ = 1, noise_variance_ = 0, dof_ = 0;
  std::optional<ClusteredErrors> clusters_;  // where runs err together
  Eigen::MatrixXd inverse_;                  // 5 x n
};

}  // namespace isoflop
