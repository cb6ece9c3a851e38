// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "train/cpu/kernels.h"

namespace isoflop {

/// The kernels that this machine can run, slowest first; never empty.
[[nodiscard]] std::span<const CpuKernels* const> available_cpu_kernels();

}  // namespace isoflop
