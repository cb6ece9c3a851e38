// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "isoflop/estimate.h"
#include "isoflop/law.h"
#include "isoflop/point.h"

namespace isoflop {

/// Runs of one data set, or by one optimizer.
struct JointGroup {
  std::string name;
  PointSet points;
};

struct JointOptions {
  LossLaw::Scale scale = LossLaw::Scale::params;
  /// One E for all: groups that differ by the optimizer alone. Else each has its own.
  bool shared_floor = false;
};

struct JointNumber {
  double value = 0;
  Interval interval;  // 90 %, Student's t of the degrees of freedom left
};

/// What one of the groups has for itself. rho are of the first group: 1.
struct JointGroupFit {
  std::string name;
  std::int64_t n_points = 0;
  JointNumber irreducible, rho_size, rho_tokens;
};

/// E_i + A / (rho_N,i N)^alpha + B / (rho_D,i D)^beta with alpha and beta of all groups
/// (arXiv:2602.07712, as quoted): a run of group i is worth rho_D,i times its tokens to the first
/// group. Least squares of ln loss.
struct JointFit {
  JointNumber a, b, alpha, beta;
  std::vector<JointGroupFit> groups;
  double residual_sd = 0;  // of ln loss
  std::int64_t n_points = 0, n_parameters = 0;
  bool shared_floor = false;
  /// F test of one alpha and one beta against each group's own; absent where a group has too few
  /// runs to have its own.
  std::optional<double> f, p;
  std::int64_t dof_exponents = 0, dof_residual = 0;
  FitStatus status = FitStatus::too_few_points;
};

/// Throws Error(invalid_argument) for fewer than two groups or a group of fewer than 5 runs, and
/// Error(frame_mismatch) where groups differ in more than the data set.
[[nodiscard]] JointFit fit_jointly(std::span<const JointGroup> groups, const JointOptions& options);

}  // namespace isoflop
