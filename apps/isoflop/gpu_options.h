// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "command_line.h"
#include "isoflop/deadweight.h"

namespace isoflop::cli {

/// What FLOPs are paid with: --gpu, --mfu, --price.
struct GpuOptions {
  std::string gpu;  // empty: nothing is said of time and money
  std::optional<double> mfu, price;
};

void add_gpu_options(Command& command, GpuOptions& options);

/// Absent where no GPU is named; throws Error(invalid_argument) for one that is not known.
[[nodiscard]] std::optional<ComputeRate> compute_rate(const GpuOptions& options);

}  // namespace isoflop::cli
