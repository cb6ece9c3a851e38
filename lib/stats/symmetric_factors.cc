// SPDX-License-Identifier: Apache-2.0
// Eigenvalues and Cholesky's factors of symmetric matrices.
#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include "stats/linear_algebra.h"

namespace isoflop {

SymmetricEigen symmetric_eigen(const Eigen::MatrixXd& a) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(a);
  return {eigen.eigenvalues(), eigen.eigenvectors()};
}

SymmetricSolution solve_symmetric(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  const Eigen::LDLT<Eigen::MatrixXd> factors(a);
  return {factors.solve(b), factors.vectorD().cwiseMax(1e-300).array().log().sum()};
}

Eigen::MatrixXd inverse_of(const Eigen::MatrixXd& a) {
  return a.ldlt().solve(Eigen::MatrixXd::Identity(a.rows(), a.cols()));
}

}  // namespace isoflop
