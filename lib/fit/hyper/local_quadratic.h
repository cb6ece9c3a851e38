// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "fit/points/settings.h"

namespace isoflop {

/// Index of the two settings in vectors of a LocalQuadratic.
enum Setting : Eigen::Index { kBatch = 0, kRate = 1 };

/// (ln batch, ln learning rate).
[[nodiscard]] Eigen::Vector2d ln_setting(const Sample& sample);

/// ln metric = level + g'z + z'Hz / 2 with z = (ln B, ln lr) - centre, by least squares. A setting
/// that has one value is left out: its entries are 0 and the minimum has its value.
struct LocalQuadratic {
  Eigen::Vector2d centre;
  double level = 0;
  Eigen::Vector2d gradient;
  Eigen::Matrix2d hessian;
  std::array<bool, 2> varies = {false, false};
  /// Of (level, g_B, g_lr, H_BB, H_Blr, H_lrlr), over the variance of one run.
  Eigen::Matrix<double, 6, 6> covariance;
  double sum_of_squares = 0;
  Eigen::Index degrees_of_freedom = 0;

  [[nodiscard]] bool is_convex() const;  // strictly, in what varies
  [[nodiscard]] Eigen::Vector2d minimum() const;
  /// Covariance of minimum() over the variance of one run, by the delta method.
  [[nodiscard]] Eigen::Matrix2d minimum_covariance() const;

 private:
  [[nodiscard]] Eigen::Matrix2d inverse_hessian() const;
};

/// Nothing where the runs, all with batch and learning rate, do not determine it.
[[nodiscard]] std::optional<LocalQuadratic> fit_quadratic(std::span<const Sample> samples);

/// The runs within `window` of the cell's best metric.
[[nodiscard]] std::vector<Sample> near_best(const GridCell& cell, double window);

}  // namespace isoflop
