// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "fit/surface/surface_kernels.h"

namespace isoflop {

namespace fit_x86_64 {
extern const SurfaceKernels kKernels;
}
namespace fit_x86_64_v3 {
extern const SurfaceKernels kKernels;
}
namespace fit_x86_64_v4 {
extern const SurfaceKernels kKernels;
}

KernelList available_surface_kernels() {
  static constexpr std::array kAll{&fit_x86_64::kKernels, &fit_x86_64_v3::kKernels,
                                   &fit_x86_64_v4::kKernels};
  __builtin_cpu_init();
  int n = 1;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) n = 2;
  if (n == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    n = 3;
  }
  return {.first = kAll.data(), .n = n};
}

}  // namespace isoflop
