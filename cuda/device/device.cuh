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

/// Lets blocks of `kernel` have all the dynamic shared memory that the current device gives: a size
/// that is the same for all, since the one that was set last counts, and runs side by side on one
/// device may need different ones.
template <class... Parameters>
void allow_shared_memory(void (*kernel)(Parameters...)) {
  int device = 0, most = 0;
  cudaFuncAttributes attributes{};
  ISOFLOP_CUDA(cudaGetDevice(&device));
  ISOFLOP_CUDA(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  ISOFLOP_CUDA(cudaFuncGetAttributes(&attributes, kernel));
  ISOFLOP_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    most - static_cast<int>(attributes.sharedSizeBytes)));
}

/// Enqueues kernel<<<grid, block, shared_bytes, stream>>>(args...). An empty grid is legal and does
/// nothing.
template <class... Parameters, class... Args>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
            Args... args) {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  constexpr std::size_t kWithoutAsking = 40 * 1024;  // 48 KiB, less what is static
  if (shape.shared_bytes > kWithoutAsking) allow_shared_memory(kernel);
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
