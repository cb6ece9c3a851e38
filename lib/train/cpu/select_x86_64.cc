// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>

#include "train/cpu/select.h"

namespace isoflop {

namespace cpu_x86_64 {
extern const CpuKernels kKernels;
}
namespace cpu_x86_64_v3 {
extern const CpuKernels kKernels;
}
namespace cpu_x86_64_v4 {
extern const CpuKernels kKernels;
}

std::span<const CpuKernels* const> available_cpu_kernels() {
  static constexpr std::array kAll{&cpu_x86_64::kKernels, &cpu_x86_64_v3::kKernels,
                                   &cpu_x86_64_v4::kKernels};
  __builtin_cpu_init();
  std::size_t n = 1;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) n = 2;
  if (n == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    n = 3;
  return std::span(kAll).first(n);
}

}  // namespace isoflop
