// SPDX-License-Identifier: Apache-2.0
#include "stats/linear_algebra.h"

#include <cmath>

#include "support/catch.h"

namespace isoflop {
namespace {

TEST_CASE("least squares of a line are those of the textbook") {
  // y = 1, 3, 4 at x = 0, 1, 2: 7/6 + 3/2 x, residuals -1/6, 1/3, -1/6.
  Eigen::MatrixXd design(3, 2);
  design << 1, 0, 1, 1, 1, 2;
  Eigen::VectorXd y(3);
  y << 1, 3, 4;
  const LeastSquares fit = least_squares(design, y);
  CHECK(fit.rank == 2);
  CHECK(fit.solution(0, 0) == Approx(7.0 / 6));
  CHECK(fit.solution(1, 0) == Approx(1.5));
  CHECK(fit.residual_sum() == Approx(1.0 / 6));
  // (X^T X)^-1 of [[3, 3], [3, 5]].
  CHECK(fit.unit_covariance(0, 0) == Approx(5.0 / 6));
  CHECK(fit.unit_covariance(0, 1) == Approx(-0.5));
  CHECK(fit.unit_covariance(1, 1) == Approx(0.5));
}

TEST_CASE("columns that depend on each other have no covariance") {
  Eigen::MatrixXd design(3, 2);
  design << 1, 2, 1, 2, 1, 2;
  Eigen::VectorXd y(3);
  y << 1, 2, 3;
  const LeastSquares fit = least_squares(design, y);
  CHECK(fit.rank == 1);
  CHECK(fit.residual_sum() == Approx(2));
  CHECK(std::isnan(fit.unit_covariance(0, 0)));
}

TEST_CASE("a symmetric system gives its solution and the logarithm of its determinant") {
  Eigen::MatrixXd a(2, 2);
  a << 3, 3, 3, 5;
  Eigen::VectorXd b(2);
  b << 9, 13;
  const SymmetricSolution solution = solve_symmetric(a, b);
  CHECK(solution.x(0, 0) == Approx(1));
  CHECK(solution.x(1, 0) == Approx(2));
  CHECK(solution.ln_determinant == Approx(std::log(6.0)));
}

}  // namespace
}  // namespace isoflop
