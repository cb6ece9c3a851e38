// SPDX-License-Identifier: Apache-2.0
// The interface of cuda/device/device.cuh, and what nvcc knows of itself, for kernels that run on
// the host: the toolkit's headers and everything else of cuda/ stay as they are.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <type_traits>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "block.h"
#include "cuda_error.h"
#include "emulated_device.h"

// One block runs at a time, so what its threads share may be static. Unlike dynamic shared memory
// it is not NaN at first, it holds what the block before left: which that was depends on the seed.
#undef __shared__
#define __shared__ static
#define __launch_bounds__(...)
// Names that the C library keeps for itself.
#define __expf ::isoflop::emulation::device_expf
#define __logf ::isoflop::emulation::device_logf

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

inline void __syncthreads() { isoflop::emulation::wait_for_block(); }
inline void __syncwarp(unsigned = 0xffffffffu) { isoflop::emulation::wait_for_warp("__syncwarp"); }

namespace isoflop::emulation {

inline float device_expf(float x) { return std::exp(x); }
inline float device_logf(float x) { return std::log(x); }

/// All lanes' values: element i is lane i's.
template <class T>
class WarpValues {
 public:
  WarpValues(const char* instruction, const T& value)
      : slots_(exchange_bytes(instruction, &value, sizeof value)) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kSlotBytes);
  }
  [[nodiscard]] T operator[](unsigned lane_index) const {
    T value;
    std::memcpy(&value, slots_ + lane_index * kSlotBytes, sizeof value);
    return value;
  }

 private:
  const std::byte* slots_;
};

inline void check_mask(unsigned mask, const char* instruction) {
  if (mask != 0xffffffffu) kernel_error(std::string(instruction) + " of a part of a warp");
}

}  // namespace isoflop::emulation

// Groups of `width` lanes; a lane outside the group gives the caller's own value.
template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32) {
  isoflop::emulation::check_mask(mask, "__shfl_sync");
  const unsigned group = isoflop::emulation::lane() / width * width;
  return isoflop::emulation::WarpValues<T>("__shfl_sync",
                                           value)[group + static_cast<unsigned>(from) % width];
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32) {
  isoflop::emulation::check_mask(mask, "__shfl_xor_sync");
  const unsigned self = isoflop::emulation::lane(), other = self ^ static_cast<unsigned>(lane_mask);
  const isoflop::emulation::WarpValues<T> values("__shfl_xor_sync", value);
  return other / width <= self / width && other < 32 ? values[other] : value;
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  isoflop::emulation::check_mask(mask, "__shfl_down_sync");
  const unsigned self = isoflop::emulation::lane();
  const isoflop::emulation::WarpValues<T> values("__shfl_down_sync", value);
  return self % width + delta < static_cast<unsigned>(width) ? values[self + delta] : value;
}

// Loads and stores with a hint for the caches, of types that are one access on a device.
template <class T>
T __ldg(const T* from) {
  isoflop::emulation::check_alignment(from, sizeof(T), "__ldg");
  return *from;
}
template <class T>
T __ldcs(const T* from) {
  isoflop::emulation::check_alignment(from, sizeof(T), "__ldcs");
  return *from;
}
template <class T>
void __stcs(T* to, std::type_identity_t<T> value) {
  isoflop::emulation::check_alignment(to, sizeof(T), "__stcs");
  *to = value;
}
template <class T>
void __stcg(T* to, std::type_identity_t<T> value) {
  isoflop::emulation::check_alignment(to, sizeof(T), "__stcg");
  *to = value;
}

inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }

namespace isoflop {

inline constexpr unsigned kWholeWarp = 0xffffffffu;

struct LaunchShape {
  dim3 grid, block;
  std::size_t shared_bytes = 0;  // dynamic
};

template <class... Parameters, class... Args>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream,
            Args... args) {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  ISOFLOP_CUDA(emulation::enqueue_kernel(
      shape.grid, shape.block, shape.shared_bytes, stream,
      [kernel, ... parameters = static_cast<Parameters>(args)] { kernel(parameters...); }));
}

template <class T>
T* dynamic_shared() {
  return static_cast<T*>(emulation::shared_memory());
}

}  // namespace isoflop
