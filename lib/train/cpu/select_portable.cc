// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "train/cpu/select.h"

namespace isoflop {

namespace cpu_portable {
extern const CpuKernels kKernels;
}

std::span<const CpuKernels* const> available_cpu_kernels() {
  static constexpr std::array kAll{&cpu_portable::kKernels};
  return kAll;
}

}  // namespace isoflop
