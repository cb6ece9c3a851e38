// SPDX-License-Identifier: Apache-2.0
// Warp and block reductions, always in the same order.
#pragma once

#include <cstdint>

#include "kernels/vector.cuh"

namespace isoflop {

/// All-reduce over a warp (kThreads = 32) or a block of kThreads threads, all of which call this: a
/// butterfly of warp shuffles, then over the warps by shared memory. `op` is commutative, so that
/// all get the same bits.
template <int kThreads, class T, class Op>
__device__ __forceinline__ T reduce(T x, Op op) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    x = op(x, __shfl_xor_sync(kWholeWarp, x, distance));
  if constexpr (kThreads > 32) {
    __shared__ T warp_results[kThreads / 32];
    if (threadIdx.x % 32 == 0) warp_results[threadIdx.x / 32] = x;
    __syncthreads();
    x = warp_results[0];
#pragma unroll
    for (int w = 1; w < kThreads / 32; ++w) x = op(x, warp_results[w]);
    __syncthreads();  // warp_results may be written again
  }
  return x;
}
template <int kThreads, class T>
__device__ __forceinline__ T reduce_sum(T x) {
  return reduce<kThreads>(x, [](T a, T b) { return a + b; });
}
/// NaN counts as -infinity.
template <int kThreads>
__device__ __forceinline__ float reduce_max(float x) {
  return reduce<kThreads>(x, [](float a, float b) { return fmaxf(a, b); });
}

/// Four columns of the sum of n_rows rows, `stride` floats apart; `x` is the lane's place in the
/// first of them. Each of the block's kWarps warps adds up consecutive rows, then warp 0, to which
/// alone the result is given, adds up theirs. All threads of the block call it.
template <int kWarps>
__device__ __forceinline__ Pack<float, 4> column_sums(const float* x, std::int64_t n_rows,
                                                      std::int64_t stride) {
  __shared__ Pack<float, 4> warp_results[kWarps][32];
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t end = n_rows * (warp + 1) / kWarps;
  Pack<float, 4> sum{};
#pragma unroll 8
  for (std::int64_t r = n_rows * warp / kWarps; r < end; ++r) {
    const auto row = load<4>(x + r * stride);
    for (int i = 0; i < 4; ++i) sum.values[i] += row.values[i];
  }
  warp_results[warp][lane] = sum;
  __syncthreads();
  for (int w = 1; w < kWarps && warp == 0; ++w)
    for (int i = 0; i < 4; ++i) sum.values[i] += warp_results[w][lane].values[i];
  return sum;
}

}  // namespace isoflop
