// SPDX-License-Identifier: Apache-2.0
#include "stats/linear_algebra.h"

#include <limits>

#include <Eigen/Dense>

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

SymmetricEigen symmetric_eigen(const Eigen::MatrixXd& a) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(a);
  return {eigen.eigenvalues(), eigen.eigenvectors()};
}

Eigen::VectorXd singular_values(const Eigen::MatrixXd& a) { return a.jacobiSvd().singularValues(); }

SymmetricSolution solve_symmetric(const Eigen::MatrixXd& a, const Eigen::VectorXd& b) {
  const Eigen::LDLT<Eigen::MatrixXd> factors(a);
  return {factors.solve(b), factors.vectorD().cwiseMax(1e-300).array().log().sum()};
}

Eigen::MatrixXd inverse_of(const Eigen::MatrixXd& a) {
  return a.ldlt().solve(Eigen::MatrixXd::Identity(a.rows(), a.cols()));
}

}  // namespace isoflop
