// SPDX-License-Identifier: Apache-2.0
#include "stats/clustered_errors.h"

#include <cmath>

#include <Eigen/Core>

#include "base/rng.h"
#include "stats/linear_algebra.h"
#include "support/catch.h"

using isoflop::ClusteredErrors;
using isoflop::RunUnit;

namespace {

std::vector<RunUnit> equal_clusters(std::size_t n_clusters, std::size_t n_rows) {
  std::vector<RunUnit> clusters(n_clusters);
  for (std::size_t i = 0; i < n_clusters * n_rows; ++i) clusters[i / n_rows].push_back(i);
  return clusters;
}

Eigen::MatrixXd random_matrix(std::uint64_t seed, Eigen::Index rows, Eigen::Index columns) {
  const isoflop::Rng rng(seed);
  Eigen::MatrixXd matrix(rows, columns);
  for (Eigen::Index i = 0; i < matrix.size(); ++i) {
    matrix(i) = rng.normal(static_cast<std::uint64_t>(i));
  }
  return matrix;
}

/// Of a symmetric matrix, 0 where its eigenvalue is 0.
Eigen::MatrixXd inverse_root(const Eigen::MatrixXd& matrix) {
  const auto [values, vectors] = isoflop::symmetric_eigen(matrix);
  const Eigen::VectorXd roots =
      values.unaryExpr([](double l) { return l > 1e-9 ? 1 / std::sqrt(l) : 0.0; });
  return vectors * roots.asDiagonal() * vectors.transpose();
}

/// The definitions with dense matrices.
ClusteredErrors::Variance by_definition(const Eigen::MatrixXd& design, const Eigen::VectorXd& y,
                                        const std::vector<RunUnit>& clusters,
                                        const Eigen::VectorXd& influence) {
  const Eigen::Index n = y.size();
  const Eigen::MatrixXd hat = design * isoflop::pseudo_inverse(design);
  const Eigen::MatrixXd annihilator = Eigen::MatrixXd::Identity(n, n) - hat;
  Eigen::MatrixXd columns(n, static_cast<Eigen::Index>(clusters.size()));
  for (std::size_t c = 0; c < clusters.size(); ++c) {
    Eigen::MatrixXd picks = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(clusters[c].size()), n);
    for (std::size_t i = 0; i < clusters[c].size(); ++i) {
      picks(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(clusters[c][i])) = 1;
    }
    const Eigen::MatrixXd root = inverse_root(picks * annihilator * picks.transpose());
    columns.col(static_cast<Eigen::Index>(c)) =
        annihilator * picks.transpose() * root * picks * influence;
  }
  const Eigen::MatrixXd gram = columns.transpose() * columns;
  const double trace = gram.trace();
  return {(columns.transpose() * y).squaredNorm() * influence.squaredNorm() / trace,
          trace * trace / gram.squaredNorm()};
}

}  // namespace

TEST_CASE("the variance of a mean over equal clusters is that of the clusters' means") {
  const Eigen::VectorXd y = random_matrix(1, 12, 1);
  const ClusteredErrors errors(Eigen::MatrixXd::Ones(12, 1), y, equal_clusters(4, 3));
  const auto [variance, dof] = errors.variance_of(Eigen::VectorXd::Constant(12, 1.0 / 12));
  double squares = 0;
  for (int c = 0; c < 4; ++c) squares += std::pow(y.segment(3 * c, 3).mean() - y.mean(), 2);
  CHECK(variance == Approx(squares / (4 * 3)).epsilon(1e-12));
  CHECK(dof == Approx(3).epsilon(1e-12));
}

TEST_CASE("clustered variances are CR2's with Satterthwaite's degrees of freedom") {
  const Eigen::MatrixXd design = random_matrix(2, 20, 3);
  const Eigen::VectorXd y = random_matrix(3, 20, 1);
  const std::vector<RunUnit> clusters = {
      {0, 5, 7}, {1}, {2, 3, 4, 6, 8, 9}, {10, 19}, {11, 12, 13, 14, 15}, {16, 17, 18}};
  const ClusteredErrors errors(design, y, clusters);
  for (Eigen::Index j = 0; j < 3; ++j) {
    const Eigen::VectorXd influence = isoflop::pseudo_inverse(design).row(j).transpose();
    const auto expected = by_definition(design, y, clusters, influence);
    const auto found = errors.variance_of(influence);
    CHECK(found.value == Approx(expected.value).epsilon(1e-9));
    CHECK(found.dof == Approx(expected.dof).epsilon(1e-9));
    CHECK(found.dof < 6);
  }
}

TEST_CASE("a direction that one cluster determines alone has no variance of its own") {
  Eigen::MatrixXd design = random_matrix(4, 15, 2);
  design.conservativeResize(15, 3);
  design.col(2).setZero();
  design.col(2).head(3).setOnes();  // a level of the first cluster
  const Eigen::VectorXd y = random_matrix(5, 15, 1);
  const std::vector<RunUnit> clusters = equal_clusters(5, 3);
  const ClusteredErrors errors(design, y, clusters);
  const Eigen::VectorXd influence = isoflop::pseudo_inverse(design).row(0).transpose();
  const auto expected = by_definition(design, y, clusters, influence);
  const auto found = errors.variance_of(influence);
  CHECK(found.value == Approx(expected.value).epsilon(1e-9));
  CHECK(found.dof == Approx(expected.dof).epsilon(1e-9));
}
