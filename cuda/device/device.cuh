// SPDX-License-Identifier: Apache-2.0
// What kernels and their launchers use of CUDA, besides the language itself: there is one other
// implementation of this header, which runs kernels on the host (tests/cuda/emulation).
#pragma once

#include <cstddef>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "cuda_error.h"

namespace isoflop {

inline constexpr unsigned kWholeWarp = 0xffffffffu;

struct LaunchShape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;  // dynamic
};

/// Enqueues kernel<<<grid, block, shared_bytes, stream>>>(args...). An empty grid is legal and does
/// nothing.
template <class... Parameters, class... Args>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
            Args... args) {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  constexpr std::size_t kWithoutAsking = 48 * 1024;
  if (shape.shared_bytes > kWithoutAsking) {
    ISOFLOP_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      static_cast<int>(shape.shared_bytes)));
  }
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  ISOFLOP_CUDA(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(args)...));
}

/// The block's dynamic shared memory, aligned to 128 bytes.
template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char isoflop_shared_memory[];
  return reinterpret_cast<T*>(isoflop_shared_memory);
}

}  // namespace isoflop
