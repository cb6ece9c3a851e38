// SPDX-License-Identifier: Apache-2.0
// QR with pivots, complete orthogonal decomposition, singular values.
#include <limits>

#include <Eigen/QR>
#include <Eigen/SVD>

#include "stats/linear_algebra.h"

namespace isoflop {

LeastSquares least_squares(const Eigen::MatrixXd& design, const Eigen::MatrixXd& responses) {
  const Eigen::Index p = design.cols();
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(design);
  LeastSquares result;
  result.rank = qr.rank();
  result.solution = qr.solve(responses);
  result.residuals = responses - design * result.solution;
  if (result.rank < p) {
    result.unit_covariance.setConstant(p, p, std::numeric_limits<double>::quiet_NaN());
    return result;
  }
  // X P = Q R: (X^T X)^-1 = (P R^-1) (P R^-1)^T.
  const Eigen::MatrixXd inverse =
      qr.matrixR().topRows(p).triangularView<Eigen::Upper>().solve(Eigen::MatrixXd::Identity(p, p));
  const Eigen::MatrixXd root = qr.colsPermutation() * inverse;
  result.unit_covariance = root * root.transpose();
  return result;
}

Eigen::MatrixXd column_space(const Eigen::MatrixXd& a) {
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(a);
  return qr.householderQ() * Eigen::MatrixXd::Identity(a.rows(), qr.rank());
}

Eigen::MatrixXd gram_of(const Eigen::MatrixXd& design) { return design.transpose() * design; }

// Of a tall A = Q R through R, of as many rows as it has columns at most: A's own would take
// rows x rows numbers.
Eigen::MatrixXd pseudo_inverse(const Eigen::MatrixXd& a) {
  if (a.rows() <= a.cols()) return a.completeOrthogonalDecomposition().pseudoInverse();
  const Eigen::MatrixXd basis = column_space(a);
  const Eigen::MatrixXd r = basis.transpose() * a;
  return r.completeOrthogonalDecomposition().pseudoInverse() * basis.transpose();
}

Eigen::VectorXd singular_values(const Eigen::MatrixXd& a) { return a.jacobiSvd().singularValues(); }

}  // namespace isoflop
