// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "fit/interval/linearised_surface.h"
#include "fit/points/sample.h"

namespace isoflop {

/// Rows of the samples, by budget.
using BudgetRows = std::map<std::int64_t, std::vector<Eigen::Index>>;

/// How every budget's curve lies sideways of the surface. Residuals of a budget of 4 points or
/// more are a level, a shift times the slope of ln L along the curve, and noise, by least squares.
class BudgetShifts {
 public:
  BudgetShifts(const Linearised& line, const BudgetRows& budgets, std::span<const Sample> samples);

  /// Of ln L of one run, and its degrees of freedom: pooled over the budgets.
  [[nodiscard]] double noise_variance() const { return noise_variance_; }
  [[nodiscard]] double dof() const { return dof_; }
  [[nodiscard]] std::int64_t n_budgets() const { return static_cast<std::int64_t>(shifts_.size()); }
  /// The variance of the shifts about a line in ln C beyond what noise explains, by moments (Paule
  /// and Mandel); 0 of fewer than 3 budgets.
  [[nodiscard]] double tau_squared() const;
  /// Equally likely values of it: its confidence distribution by the Q-profile (Viechtbauer,
  /// Statistics in Medicine 26, 2007). One 0 of fewer than 3 budgets.
  [[nodiscard]] std::vector<double> tau_squared_nodes() const;

 private:
  struct Shift {
    double log_compute = 0, shift = 0, variance = 0;  // variance for noise of variance 1
  };
  [[nodiscard]] double scatter(double tau_squared) const;
  [[nodiscard]] double tau_squared_of(double target) const;

  std::vector<Shift> shifts_;
  double noise_variance_ = 0, dof_ = 0;
};

}  // namespace isoflop
