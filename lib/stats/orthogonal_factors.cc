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

Eigen::MatrixXd gram_of(const Eigen::MatrixXd& design) { return design.transpose() * design; }

Eigen::MatrixXd pseudo_inverse(const Eigen::MatrixXd& a) {
  return a.completeOrthogonalDecomposition().pseudoInverse();
}

Eigen::VectorXd singular_values(const Eigen::MatrixXd& a) { return a.jacobiSvd().singularValues(); }

}  // namespace isoflop
