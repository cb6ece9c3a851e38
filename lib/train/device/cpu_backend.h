// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "train/contract/backend.h"
#include "train/cpu/kernels.h"

namespace isoflop {

/// Which code multiplies matrices. `automatic` goes by shape.
enum class ProductCode { automatic, kernels, blas };

/// The CPU backend on given kernels, which the machine must be able to run. make_cpu_backend()
/// takes the last of available_cpu_kernels().
[[nodiscard]] std::unique_ptr<Backend> make_cpu_backend(
    const CpuKernels& kernels, ProductCode products = ProductCode::automatic);

}  // namespace isoflop
