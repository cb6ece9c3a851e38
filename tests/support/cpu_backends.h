// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "train/cpu/select.h"
#include "train/device/cpu_backend.h"

namespace isoflop::test {

/// All the code that may run on this machine: each instruction set's kernels, the library's
/// products, and the choice between them.
inline std::vector<std::unique_ptr<Backend>> every_cpu_backend() {
  std::vector<std::unique_ptr<Backend>> backends;
  for (const CpuKernels* kernels : available_cpu_kernels())
    backends.push_back(make_cpu_backend(*kernels, ProductCode::kernels));
  backends.push_back(make_cpu_backend(*available_cpu_kernels().back(), ProductCode::blas));
  backends.push_back(make_cpu_backend());
  return backends;
}

/// What weights and activations are stored in.
inline constexpr std::array kStorages{DType::f32, DType::bf16};
inline std::string name_of(DType storage) { return storage == DType::bf16 ? "bf16" : "f32"; }

}  // namespace isoflop::test
