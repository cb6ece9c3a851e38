// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <Eigen/Core>

#include "stats/resampling.h"

namespace isoflop {

/// Least squares whose rows may err together, in whatever way, within clusters.
///
/// The variance of h'y, y the response and h in the column space of the design, is the sum over
/// clusters of (h_c' A_c r_c)^2 with r the residuals and A_c = (I - Q_c Q_c')^(-1/2), Q an
/// orthonormal basis of that space: CR2 of Bell and McCaffrey (Survey Methodology 28, 2002). Its
/// bias and, by Satterthwaite, its degrees of freedom (Pustejovsky and Tipton, Journal of Business
/// & Economic Statistics 36, 2018) are those for rows of one variance, a share of which clusters
/// have in common, as the residuals show it: with few clusters, or with few that bear on h, they
/// are few.
class ClusteredErrors {
 public:
  /// Every row is in one cluster.
  ClusteredErrors(const Eigen::MatrixXd& design, const Eigen::VectorXd& residuals,
                  std::vector<RunUnit> clusters);

  struct Variance {
    double value = 0, dof = 0;
  };
  [[nodiscard]] Variance variance_of(const Eigen::VectorXd& influence) const;
  /// Of a row's variance, what its cluster has in common; by moments, from 0 to 1.
  [[nodiscard]] double share() const { return share_; }

 private:
  struct Cluster {
    RunUnit rows;
    Eigen::MatrixXd basis;      // Q_c
    Eigen::MatrixXd to_spread;  // A_c = I + Q_c to_spread Q_c'
    Eigen::VectorXd residuals;
  };
  /// Sums a_c' e_c over clusters c of errors e, as seen in the residuals.
  struct Sums {
    Eigen::VectorXd own, squares;  // 1'a_c and a_c'a_c
    Eigen::MatrixXd seen;          // rows a_c' Q_c
  };
  [[nodiscard]] Eigen::MatrixXd covariance(const Sums& sums, double share) const;

  std::vector<Cluster> clusters_;
  Eigen::MatrixXd levels_;  // rows 1' Q_c
  double share_ = 0;
};

}  // namespace isoflop
