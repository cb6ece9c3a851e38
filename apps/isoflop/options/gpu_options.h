// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "command_line.h"
#include "isoflop/deadweight.h"

namespace isoflop::cli {

/// What FLOPs are paid with: --gpu or --peak-tflops, --mfu, --price.
struct GpuOptions {
  std::string gpu;  // neither: nothing is said of time and money
  std::optional<double> peak_tflops;
  std::optional<double> mfu, price;
};

void add_gpu_options(Command& command, GpuOptions& options);

/// Dense bf16 peak [FLOP/s] of the GPU that is named as on its data sheet ("NVIDIA H100 80GB HBM3",
/// h100-sxm), or as given; absent where neither is. Throws Error(invalid_argument) for a name that
/// is not known.
[[nodiscard]] std::optional<double> gpu_peak_flops(const GpuOptions& options);

/// Absent where no GPU is named; throws as gpu_peak_flops() does.
[[nodiscard]] std::optional<ComputeRate> compute_rate(const GpuOptions& options);

}  // namespace isoflop::cli
