// SPDX-License-Identifier: Apache-2.0
// Elements of tensors on their way between memory and registers: 16 bytes at a time where addresses
// allow it. Arithmetic is in f32; bf16 is upcast when it arrives and rounded when it leaves.
#pragma once

#include <cstdint>
#include <type_traits>

#include "device/device.cuh"

namespace isoflop {

template <int kWidth>
using Width = std::integral_constant<int, kWidth>;

/// Elements of T in the widest vectorized access there is, 16 bytes.
template <class T>
inline constexpr int kVectorSize = 16 / static_cast<int>(sizeof(T));

/// Neighbouring elements that move together, in accesses of up to 16 bytes.
template <class T, int kWidth>
struct alignas(sizeof(T) * kWidth < 16 ? sizeof(T) * kWidth : 16) Pack {
  T values[kWidth];
};

template <int kWidth, class T>
__device__ __forceinline__ Pack<T, kWidth> load(const T* x) {
  return *reinterpret_cast<const Pack<T, kWidth>*>(x);
}
template <int kWidth, class T>
__device__ __forceinline__ void store(T* x, const Pack<T, kWidth>& pack) {
  *reinterpret_cast<Pack<T, kWidth>*>(x) = pack;
}

__device__ __forceinline__ float upcast(float x) { return x; }
__device__ __forceinline__ float upcast(__nv_bfloat16 x) { return __bfloat162float(x); }

/// To the nearest T, ties to the even one.
template <class T>
__device__ __forceinline__ T round_to(float x) {
  if constexpr (std::is_same_v<T, float>)
    return x;
  else
    return __float2bfloat16_rn(x);
}

/// Elements from x to the next address that a vectorized access may have.
template <class T>
__device__ __forceinline__ int until_aligned(const T* x) {
  return static_cast<int>((0 - reinterpret_cast<std::uintptr_t>(x)) % 16 / sizeof(T));
}

/// Block-stride loop: body(Width<W>{}, i) over the n elements from x on, which kThreads threads
/// share: single elements up to the first aligned address, wide packs, then single ones again. A
/// thread gets the same elements in every sweep over the same x.
template <int kThreads, class T, class Body>
__device__ __forceinline__ void sweep(const T* x, std::int64_t n, int thread, Body&& body) {
  constexpr int kWidth = kVectorSize<T>;
  const int gap = until_aligned(x);
  const std::int64_t head = gap < n ? gap : n, end = head + (n - head) / kWidth * kWidth;
  if (thread < head) body(Width<1>{}, std::int64_t{thread});
#pragma unroll 2
  for (std::int64_t i = head + thread * kWidth; i < end; i += kThreads * kWidth)
    body(Width<kWidth>{}, i);
  if (end + thread < n) body(Width<1>{}, end + thread);
}

/// The same, with body(pack, i): what is at i. Several loads are in flight at a time.
template <int kThreads, class T, class Body>
__device__ __forceinline__ void sweep_packs(const T* x, std::int64_t n, int thread, Body&& body) {
  constexpr int kWidth = kVectorSize<T>, kAhead = 3;
  constexpr std::int64_t kStep = kThreads * kWidth;
  const int gap = until_aligned(x);
  const std::int64_t head = gap < n ? gap : n, end = head + (n - head) / kWidth * kWidth;
  if (thread < head) body(load<1>(x + thread), std::int64_t{thread});
  for (std::int64_t i = head + thread * kWidth; i < end; i += kAhead * kStep) {
    Pack<T, kWidth> packs[kAhead];
#pragma unroll
    for (int a = 0; a < kAhead; ++a)
      if (i + a * kStep < end) packs[a] = load<kWidth>(x + i + a * kStep);
#pragma unroll
    for (int a = 0; a < kAhead; ++a)
      if (i + a * kStep < end) body(packs[a], i + a * kStep);
  }
  if (end + thread < n) body(load<1>(x + end + thread), end + thread);
}

/// Flat tensors are cut into tiles, one for each block: kTilePacks packs for each of kTileThreads
/// threads, so that a thread has several loads in flight.
inline constexpr int kTileThreads = 256, kTilePacks = 4;

template <int kWidth>
__device__ __forceinline__ std::int64_t tile_index(int pack) {
  return ((std::int64_t{blockIdx.x} * kTilePacks + pack) * kTileThreads + threadIdx.x) * kWidth;
}
/// The block's tile of x [n], zeros behind its end.
template <int kWidth, class T>
__device__ __forceinline__ void load_tile(const T* x, std::int64_t n,
                                          Pack<T, kWidth> (&tile)[kTilePacks]) {
#pragma unroll
  for (int p = 0; p < kTilePacks; ++p) {
    const std::int64_t first = tile_index<kWidth>(p);
    tile[p] = {};
    if (first + kWidth <= n) {
      tile[p] = load<kWidth>(x + first);
    } else {
#pragma unroll
      for (int i = 0; i < kWidth; ++i)
        if (first + i < n) tile[p].values[i] = x[first + i];
    }
  }
}
template <int kWidth, class T>
__device__ __forceinline__ void store_tile(const Pack<T, kWidth> (&tile)[kTilePacks],
                                           std::int64_t n, T* x) {
#pragma unroll
  for (int p = 0; p < kTilePacks; ++p) {
    const std::int64_t first = tile_index<kWidth>(p);
    if (first + kWidth <= n) {
      store(x + first, tile[p]);
    } else {
#pragma unroll
      for (int i = 0; i < kWidth; ++i)
        if (first + i < n) x[first + i] = tile[p].values[i];
    }
  }
}

}  // namespace isoflop
