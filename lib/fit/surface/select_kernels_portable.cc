// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "fit/surface/surface_kernels.h"

namespace isoflop {

namespace fit_portable {
extern const SurfaceKernels kKernels;
}

KernelList available_surface_kernels() {
  static constexpr std::array kAll{&fit_portable::kKernels};
  return {.first = kAll.data(), .n = 1};
}

}  // namespace isoflop
