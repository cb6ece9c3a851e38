// SPDX-License-Identifier: Apache-2.0
// The factorisations that fits need, compiled once: in every file that used them, Eigen's would be
// most of the library's build.
#pragma once

#include <Eigen/Core>

namespace isoflop {

/// Least squares of one or several responses (columns) on the columns of a design.
struct LeastSquares {
  Eigen::MatrixXd solution;   // design columns x responses
  Eigen::MatrixXd residuals;  // rows x responses
  /// (X^T X)^-1: the covariance of a solution over the variance of one row. NaN where the columns
  /// depend on each other.
  Eigen::MatrixXd unit_covariance;
  Eigen::Index rank = 0;

  [[nodiscard]] double residual_sum() const { return residuals.squaredNorm(); }  // of squares
};

/// By QR with pivots; the design must have a row.
[[nodiscard]] LeastSquares least_squares(const Eigen::MatrixXd& design,
                                         const Eigen::MatrixXd& responses);

/// An orthonormal basis of the columns of A: rows x rank.
[[nodiscard]] Eigen::MatrixXd column_space(const Eigen::MatrixXd& a);

/// X^T X.
[[nodiscard]] Eigen::MatrixXd gram_of(const Eigen::MatrixXd& design);

/// Times b: the x of least norm that brings A x closest to b, where A may be singular.
[[nodiscard]] Eigen::MatrixXd pseudo_inverse(const Eigen::MatrixXd& a);

struct SymmetricEigen {
  Eigen::VectorXd values;   // ascending
  Eigen::MatrixXd vectors;  // columns
};
/// Of a symmetric matrix, of which only the lower triangle is read.
[[nodiscard]] SymmetricEigen symmetric_eigen(const Eigen::MatrixXd& a);

/// Descending.
[[nodiscard]] Eigen::VectorXd singular_values(const Eigen::MatrixXd& a);

struct SymmetricSolution {
  Eigen::MatrixXd x;  // a column for each of b
  double ln_determinant = 0;
};
/// A x = b with A symmetric and positive definite.
[[nodiscard]] SymmetricSolution solve_symmetric(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b);

/// Of a symmetric, positive definite matrix.
[[nodiscard]] Eigen::MatrixXd inverse_of(const Eigen::MatrixXd& a);

}  // namespace isoflop
