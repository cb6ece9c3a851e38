// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <Eigen/Core>

namespace isoflop {

/// response = columns * theta + shift * s_budget + noise, with independent normal priors of theta
/// around -prior_offset (what is solved for is a step from the present parameters).
struct LinearModel {
  Eigen::MatrixXd columns;          // points x parameters
  Eigen::VectorXd shift, response;  // one per point
  std::vector<std::size_t> budget;  // one per point, from 0
  Eigen::VectorXd prior_precision, prior_offset;
};

/// Standard deviations of the noise and of the s of one budget.
struct Variances {
  double noise = 1, tau = 0;
};

/// v^T V^-1 v with V = noise^2 I + tau^2 shift shift^T within a budget.
[[nodiscard]] double weighted_square(const LinearModel& model, const Eigen::VectorXd& v,
                                     const Variances& variances);

/// Generalised least squares with the prior: the most likely theta.
[[nodiscard]] Eigen::VectorXd solve(const LinearModel& model, const Variances& variances);

/// Restricted maximum likelihood (Patterson and Thompson, Biometrika 58, 1971) over tau / noise by
/// a logarithmic grid and golden section, the noise in closed form. Needs more points than
/// parameters; with fewer it says noise_floor and 0.
[[nodiscard]] Variances estimate_variances(const LinearModel& model, double noise_floor);

}  // namespace isoflop
