// SPDX-License-Identifier: Apache-2.0
// ln metric on 1, b, r, b^2 / 2, b r, r^2 / 2 by QR with pivots, b and r the logarithms of batch
// and rate about the runs' means; a setting of one value loses its columns. Convexity is asked of
// the answer, never imposed.
#include "fit/hyper/local_quadratic.h"

#include <algorithm>
#include <cmath>

#include <Eigen/LU>

#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr Eigen::Index kCoefficients = 6;

// Columns of the design that stay where only some settings vary.
std::vector<Eigen::Index> columns_of(const std::array<bool, 2>& varies) {
  if (varies[kBatch] && varies[kRate]) return {0, 1, 2, 3, 4, 5};
  if (varies[kBatch]) return {0, 1, 3};
  if (varies[kRate]) return {0, 2, 5};
  return {};
}

Eigen::Matrix<double, 1, kCoefficients> design_row(const Eigen::Vector2d& z) {
  Eigen::Matrix<double, 1, kCoefficients> row;
  row << 1, z[0], z[1], z[0] * z[0] / 2, z[0] * z[1], z[1] * z[1] / 2;
  return row;
}

}  // namespace

Eigen::Vector2d ln_setting(const Sample& sample) {
  return {std::log(*sample.batch_tokens), std::log(*sample.peak_lr)};
}

bool LocalQuadratic::is_convex() const {
  if (varies[kBatch] && varies[kRate]) return hessian(0, 0) > 0 && hessian.determinant() > 0;
  if (varies[kBatch]) return hessian(0, 0) > 0;
  return varies[kRate] && hessian(1, 1) > 0;
}

Eigen::Matrix2d LocalQuadratic::inverse_hessian() const {
  if (varies[kBatch] && varies[kRate]) return hessian.inverse();
  Eigen::Matrix2d inverse = Eigen::Matrix2d::Zero();
  for (const Eigen::Index i : {kBatch, kRate}) {
    if (varies[static_cast<std::size_t>(i)]) inverse(i, i) = 1 / hessian(i, i);
  }
  return inverse;
}

Eigen::Vector2d LocalQuadratic::minimum() const { return centre - inverse_hessian() * gradient; }

Eigen::Matrix2d LocalQuadratic::minimum_covariance() const {
  // z* = -H^-1 g, hence dz* = -H^-1 (dg + dH z*).
  const Eigen::Vector2d z = minimum() - centre;
  Eigen::Matrix<double, 2, kCoefficients> change;
  change << 0, 1, 0, z[0], z[1], 0,  //
      0, 0, 1, 0, z[0], z[1];
  const Eigen::Matrix<double, 2, kCoefficients> jacobian = -inverse_hessian() * change;
  return jacobian * covariance * jacobian.transpose();
}

std::optional<LocalQuadratic> fit_quadratic(std::span<const Sample> samples) {
  if (samples.empty()) return std::nullopt;
  const auto n = static_cast<Eigen::Index>(samples.size());
  Eigen::MatrixX2d settings(n, 2);
  Eigen::VectorXd response(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Sample& sample = samples[static_cast<std::size_t>(i)];
    settings.row(i) = ln_setting(sample).transpose();
    response[i] = std::log(sample.metric);
  }
  LocalQuadratic fit;
  fit.centre = settings.colwise().mean();
  for (const Eigen::Index j : {kBatch, kRate}) {
    const double spread = settings.col(j).maxCoeff() - settings.col(j).minCoeff();
    fit.varies[static_cast<std::size_t>(j)] = spread > kSameSetting;
  }
  const std::vector<Eigen::Index> columns = columns_of(fit.varies);
  const auto n_columns = static_cast<Eigen::Index>(columns.size());
  if (n_columns == 0 || n < n_columns) return std::nullopt;
  Eigen::MatrixXd design(n, n_columns);
  for (Eigen::Index i = 0; i < n; ++i) {
    design.row(i) = design_row(settings.row(i).transpose() - fit.centre)(0, columns);
  }
  const LeastSquares least = least_squares(design, response);
  if (least.rank < n_columns) return std::nullopt;
  Eigen::Matrix<double, kCoefficients, 1> coefficients =
      Eigen::Matrix<double, kCoefficients, 1>::Zero();
  coefficients(columns) = least.solution.col(0);
  fit.covariance.setZero();
  fit.covariance(columns, columns) = least.unit_covariance;
  fit.level = coefficients[0];
  fit.gradient = coefficients.segment<2>(1);
  fit.hessian << coefficients[3], coefficients[4], coefficients[4], coefficients[5];
  fit.sum_of_squares = least.residual_sum();
  fit.degrees_of_freedom = n - n_columns;
  return fit;
}

std::vector<Sample> near_best(const GridCell& cell, double window) {
  const double best = cell.samples[best_index(cell.samples)].metric;
  std::vector<Sample> result;
  for (const Sample& sample : cell.samples) {
    if (sample.metric <= (1 + window) * best) result.push_back(sample);
  }
  return result;
}

}  // namespace isoflop
