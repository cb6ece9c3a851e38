// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/point.h"

namespace isoflop::cli {

/// Compute of the cheapest run [FLOPs].
[[nodiscard]] double smallest_run(const PointSet& points);

/// Throws Error(invalid_argument) for a --target [FLOPs] far below what any run has cost, where a
/// law says nothing and its numbers are of models that do not exist, and for one above 1e30.
/// Targets above the runs are what laws are for.
void check_target(double target, double smallest_run);

}  // namespace isoflop::cli
