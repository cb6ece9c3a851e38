// SPDX-License-Identifier: Apache-2.0
// (I - Q_c Q_c')^(-1/2) differs from I in the at most p directions that Q_c spans: with W diag(l)
// W' the eigenvectors of Q_c' Q_c it is I + Q_c W diag(((1 - l)^(-1/2) - 1) / l) W' Q_c', so that
// sums stay linear in the rows. A direction that one cluster determines alone (l = 1) has no
// residual; there the pseudo-inverse has 0, and the correction of the bias makes up for it.
#include "stats/clustered_errors.h"

#include <algorithm>
#include <cmath>

#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr std::size_t kMany = 500;      // clusters: their number is large
constexpr double kOwnDirection = 1e-9;  // of 1 - l: determined by one cluster alone

// ((1 - l)^(-1/2) - 1) / l
double spread_factor(double l) {
  if (1 - l < kOwnDirection) return -1 / l;
  if (l < 1e-8) return 0.5;
  return (1 / std::sqrt(1 - l) - 1) / l;
}

}  // namespace

ClusteredErrors::ClusteredErrors(const Eigen::MatrixXd& design, const Eigen::VectorXd& residuals,
                                 std::vector<RunUnit> clusters) {
  const Eigen::MatrixXd basis = column_space(design);
  const Eigen::VectorXd left = residuals - basis * (basis.transpose() * residuals);
  for (RunUnit& rows : clusters) {
    const auto n = static_cast<Eigen::Index>(rows.size());
    Cluster cluster;
    cluster.basis.resize(n, basis.cols());
    cluster.residuals.resize(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      const auto row = static_cast<Eigen::Index>(rows[static_cast<std::size_t>(i)]);
      cluster.basis.row(i) = basis.row(row);
      cluster.residuals[i] = left[row];
    }
    const auto [values, vectors] = symmetric_eigen(gram_of(cluster.basis));
    cluster.to_spread =
        vectors * values.unaryExpr(&spread_factor).asDiagonal() * vectors.transpose();
    cluster.rows = std::move(rows);
    clusters_.push_back(std::move(cluster));
  }
  levels_.resize(static_cast<Eigen::Index>(clusters_.size()), basis.cols());
  Sums sums{Eigen::VectorXd(levels_.rows()), Eigen::VectorXd(levels_.rows()), {}};
  double of_clusters = 0;
  for (Eigen::Index c = 0; c < levels_.rows(); ++c) {
    const Cluster& cluster = clusters_[static_cast<std::size_t>(c)];
    levels_.row(c) = cluster.basis.colwise().sum();
    sums.own[c] = sums.squares[c] = static_cast<double>(cluster.rows.size());
    of_clusters += std::pow(cluster.residuals.sum(), 2);
  }
  if (clusters_.size() > kMany) return;
  sums.seen = levels_;
  // The squares of the clusters' sums and of the rows, each linear in the two components.
  const double alone = covariance(sums, 0).trace(), common = covariance(sums, 1).trace();
  const auto dof = static_cast<double>(design.rows() - basis.cols());
  const double per_row = left.squaredNorm();
  // of_clusters = x alone + y common, per_row = x dof + y alone
  const double determinant = alone * alone - common * dof;
  if (determinant == 0) return;
  const double x = (of_clusters * alone - common * per_row) / determinant;
  const double y = (alone * per_row - dof * of_clusters) / determinant;
  const double independent = std::max(0.0, x), shared = std::max(0.0, y);
  if (independent + shared > 0) share_ = shared / (independent + shared);
}

// Of the sums a_c' r_c for e of covariance (1 - share) I + share K, K = 1 within clusters: of rows
// p_c = (I - Q Q')_c' a_c the first has the products [c = d] a_c'a_c - v_c' v_d, v_c = Q_c' a_c,
// and the second those of the sums of p_c over clusters, [c = d] 1'a_c - m_d' v_c with m_d =
// Q_d' 1.
Eigen::MatrixXd ClusteredErrors::covariance(const Sums& sums, double share) const {
  Eigen::MatrixXd alone = -sums.seen * sums.seen.transpose();
  alone.diagonal() += sums.squares;
  Eigen::MatrixXd levels = -sums.seen * levels_.transpose();
  levels.diagonal() += sums.own;
  return (1 - share) * alone + share * levels * levels.transpose();
}

ClusteredErrors::Variance ClusteredErrors::variance_of(const Eigen::VectorXd& influence) const {
  const auto n = static_cast<Eigen::Index>(clusters_.size());
  Sums sums{Eigen::VectorXd(n), Eigen::VectorXd(n), Eigen::MatrixXd(n, levels_.cols())};
  double found = 0, levels = 0;
  for (Eigen::Index c = 0; c < n; ++c) {
    const Cluster& cluster = clusters_[static_cast<std::size_t>(c)];
    Eigen::VectorXd a(static_cast<Eigen::Index>(cluster.rows.size()));
    for (std::size_t i = 0; i < cluster.rows.size(); ++i) {
      a[static_cast<Eigen::Index>(i)] = influence[static_cast<Eigen::Index>(cluster.rows[i])];
    }
    levels += std::pow(a.sum(), 2);
    a += cluster.basis * (cluster.to_spread * (cluster.basis.transpose() * a));
    found += std::pow(a.dot(cluster.residuals), 2);
    sums.own[c] = a.sum();
    sums.squares[c] = a.squaredNorm();
    sums.seen.row(c) = a.transpose() * cluster.basis;
  }
  if (clusters_.size() > kMany) return {found, static_cast<double>(clusters_.size())};
  const Eigen::MatrixXd expected = covariance(sums, share_);
  const double trace = expected.trace();
  if (!(trace > 0)) return {};
  const double truth = (1 - share_) * influence.squaredNorm() + share_ * levels;
  return {found * truth / trace, trace * trace / expected.squaredNorm()};
}

}  // namespace isoflop
