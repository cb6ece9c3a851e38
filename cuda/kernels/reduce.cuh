// SPDX-License-Identifier: Apache-2.0
// Sums and maxima over threads, always in the same order.
#pragma once

#include <cstdint>

#include "kernels/vector.cuh"

namespace isoflop {

/// x of all threads of a team merged, for all of them. A team is a warp, or a block of kThreads
/// threads, all of which call this. `merge` is commutative, so that all get the same bits.
template <int kThreads, class T, class Merge>
__device__ __forceinline__ T merged_over(T x, Merge merge) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    x = merge(x, __shfl_xor_sync(kWholeWarp, x, distance));
  if constexpr (kThreads > 32) {
    __shared__ T of_warp[kThreads / 32];
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
    __syncthreads();
    x = of_warp[0];
#pragma unroll
    for (int w = 1; w < kThreads / 32; ++w) x = merge(x, of_warp[w]);
    __syncthreads();  // of_warp may be written again
  }
  return x;
}
template <int kThreads, class T>
__device__ __forceinline__ T sum_over(T x) {
  return merged_over<kThreads>(x, [](T a, T b) { return a + b; });
}
/// NaN counts as -infinity.
template <int kThreads>
__device__ __forceinline__ float max_over(float x) {
  return merged_over<kThreads>(x, [](float a, float b) { return fmaxf(a, b); });
}

/// Four columns of the sum of n_rows rows, `stride` floats apart; `x` is the lane's place in the
/// first of them. Each of the block's kWarps warps adds up consecutive rows, then warp 0, to which
/// alone the result is given, adds up theirs. All threads of the block call it.
template <int kWarps>
__device__ __forceinline__ Pack<float, 4> sum_of_rows(const float* x, std::int64_t n_rows,
                                                      std::int64_t stride) {
  __shared__ Pack<float, 4> of_warp[kWarps][32];
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t end = n_rows * (warp + 1) / kWarps;
  Pack<float, 4> sum{};
#pragma unroll 8
  for (std::int64_t r = n_rows * warp / kWarps; r < end; ++r) {
    const auto row = load<4>(x + r * stride);
    for (int i = 0; i < 4; ++i) sum.values[i] += row.values[i];
  }
  of_warp[warp][lane] = sum;
  __syncthreads();
  for (int w = 1; w < kWarps && warp == 0; ++w)
    for (int i = 0; i < 4; ++i) sum.values[i] += of_warp[w][lane].values[i];
  return sum;
}

}  // namespace isoflop
