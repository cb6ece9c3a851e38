// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "isoflop/fit.h"

namespace isoflop {

struct TargetOptions {
  std::vector<double> computes;  // [FLOPs]; none: 10 and 100 times fit.compute_to
  double flops_factor = 1;       // k of C = k scale tokens
  std::optional<ComputeRate> rate = std::nullopt;
};

/// What a fit says of further budgets; a fit without an estimator says nothing. Throws
/// Error(invalid_argument) for a budget that is not finite and > 0.
[[nodiscard]] std::vector<Target> predict_targets(const Fit& fit, const TargetOptions& options);

}  // namespace isoflop
