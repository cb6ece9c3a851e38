// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <Eigen/Core>

#include "fit/points/curves.h"
#include "isoflop/law.h"

namespace isoflop {

/// ln L about the fitted surface. Parameters: E, ln A', ln B', alpha, beta, with N and D over their
/// geometric means, which leaves the problem well conditioned.
struct Linearised {
  Eigen::MatrixXd jacobian;  // n x 5
  Eigen::VectorXd slide;     // d ln L / d shift, the curve moved to larger sizes
  Eigen::VectorXd residual;  // observed - fitted
  double mean_log_size = 0, mean_log_tokens = 0;
};
[[nodiscard]] Linearised linearise(const LossLaw& law, std::span<const Sample> samples);

}  // namespace isoflop
