// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <Eigen/Core>

namespace isoflop {

/// A run of a group, about common centres: u = ln(size / size0), v = ln(tokens / tokens0).
struct JointRun {
  Eigen::Index group = 0;
  double u = 0, v = 0, log_loss = 0;
};

/// Which parameters groups have in common.
struct JointLayout {
  Eigen::Index n_groups = 0;
  bool shared_floor = false, shared_exponents = true;

  // Places of a group's parameters: E, ln A and ln B at the centre, ln alpha, ln beta.
  [[nodiscard]] Eigen::Index floor(Eigen::Index group) const { return shared_floor ? 0 : group; }
  [[nodiscard]] Eigen::Index size_term(Eigen::Index group) const { return n_floors() + group; }
  [[nodiscard]] Eigen::Index data_term(Eigen::Index group) const {
    return n_floors() + n_groups + group;
  }
  [[nodiscard]] Eigen::Index alpha(Eigen::Index group) const {
    return n_floors() + 2 * n_groups + (shared_exponents ? 0 : group);
  }
  [[nodiscard]] Eigen::Index beta(Eigen::Index group) const {
    return alpha(group) + (shared_exponents ? 1 : n_groups);
  }
  [[nodiscard]] Eigen::Index size() const { return beta(n_groups - 1) + 1; }

 private:
  [[nodiscard]] Eigen::Index n_floors() const { return shared_floor ? 1 : n_groups; }
};

struct JointOptimum {
  Eigen::VectorXd theta;
  double squares = 0;          // of ln predicted - ln loss
  Eigen::MatrixXd covariance;  // (J'J)^-1 of what is not at a bound, 0 elsewhere
  Eigen::Index n_free = 0;
  bool converged = false;
};

/// The lowest least squares from several exponents. E >= 0.
[[nodiscard]] JointOptimum fit_joint_model(const std::vector<JointRun>& runs,
                                           const JointLayout& layout);

}  // namespace isoflop
