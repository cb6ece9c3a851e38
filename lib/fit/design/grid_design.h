// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <Eigen/Core>

namespace isoflop {

/// (ln B, ln lr) of a run or an optimum.
using LnSetting = Eigen::Vector2d;

/// What all grids have in common.
struct GridModel {
  Eigen::Matrix2d hessian;              // of ln metric
  double noise = 0;                     // sd of ln metric of a run
  LnSetting own_sd;                     // of a grid's optimum about the laws
  double ln_params = 0, ln_tokens = 0;  // about which the laws are centred
  double largest_compute = 0;           // of the grids
};

/// What a grid's runs say of its optimum.
struct GridFinding {
  double params = 0, tokens = 0;
  Eigen::Matrix2d information;
  LnSetting optimum;
};

/// Of a grid's runs about its optimum, its level unknown: the inverse of the covariance of an
/// estimate of it.
[[nodiscard]] Eigen::Matrix2d information_of(const GridModel& model,
                                             std::span<const LnSetting> runs,
                                             const LnSetting& optimum);

/// Six coefficients, of ln B and ln lr on 1, ln N and ln D, and what is known of them: a normal
/// prior (exponents 0 +- 1), then grid by grid.
class GridKnowledge {
 public:
  explicit GridKnowledge(const GridModel& model);

  void add(const GridFinding& grid);
  /// Of the laws at a size and length.
  [[nodiscard]] LnSetting mean_at(double params, double tokens) const;
  [[nodiscard]] Eigen::Matrix2d covariance_at(double params, double tokens) const;

 private:
  using Row = Eigen::Matrix<double, 2, 6>;
  [[nodiscard]] Row row_at(double params, double tokens) const;
  GridModel model_;
  Eigen::Matrix<double, 6, 6> precision_;
  Eigen::Matrix<double, 6, 1> weighted_;  // precision times mean
};

}  // namespace isoflop
