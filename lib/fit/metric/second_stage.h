// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isoflop/second_stage.h"
#include "isoflop/trust.h"

namespace isoflop {

/// One run: what it lost, and what that was worth.
struct StagePoint {
  double loss = 0, metric = 0;
  double compute = 0;  // [FLOPs]
  std::string trunk = {};
};

struct StageOptions {
  std::int64_t n_bootstrap = 1000;
  std::uint64_t seed = 0;
};

/// Where a loss was predicted.
struct StageTarget {
  double compute = 0;
  Estimated loss = {};
};

[[nodiscard]] SecondStage fit_second_stage(const std::string& column,
                                           std::span<const StagePoint> points,
                                           std::span<const StageTarget> targets,
                                           const StageOptions& options);

}  // namespace isoflop
