// SPDX-License-Identifier: Apache-2.0
// Vectors for the kernels of this folder, which are compiled once per instruction set, each time
// into a namespace of its own. No std header with inline functions may be included by them: the
// linker keeps one copy of such a function, and it might be the one with instructions the machine
// lacks.
#pragma once

#include <cstdint>

#define ISOFLOP_INLINE inline __attribute__((always_inline))

namespace isoflop::ISOFLOP_CPU_ISA {

using Index = std::int64_t;

/// Floats in the widest vector register.
inline constexpr int kLanes = ISOFLOP_VECTOR_BYTES / 4;

template <int N>
struct VectorTypes {
  typedef float Float __attribute__((vector_size(4 * N)));
  typedef std::int32_t Int __attribute__((vector_size(4 * N)));
  typedef std::uint32_t Bits __attribute__((vector_size(4 * N)));
  typedef std::uint16_t Half __attribute__((vector_size(2 * N)));
  typedef double Double __attribute__((vector_size(8 * N)));
};
template <int N>
using Vec = typename VectorTypes<N>::Float;
template <int N>
using IntVec = typename VectorTypes<N>::Int;
template <int N>
using BitVec = typename VectorTypes<N>::Bits;
template <int N>
using HalfVec = typename VectorTypes<N>::Half;
template <int N>
using DoubleVec = typename VectorTypes<N>::Double;

template <int N>
ISOFLOP_INLINE Vec<N> load(const float* p) {
  Vec<N> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <int N>
ISOFLOP_INLINE void store(float* p, Vec<N> v) {
  __builtin_memcpy(p, &v, sizeof v);
}
/// x in every lane. x - 0 is x for every x; x + 0 would turn -0 into 0.
template <int N>
ISOFLOP_INLINE Vec<N> splat(float x) {
  return x - Vec<N>{};
}
template <int N>
ISOFLOP_INLINE Vec<N> larger(Vec<N> a, Vec<N> b) {
  return a > b ? a : b;
}
template <int N>
struct Halves {
  Vec<N / 2> low, high;
};
/// By shuffles: taking the address of `v` would keep accumulators in memory.
template <int N>
ISOFLOP_INLINE Halves<N> halves_of(Vec<N> v) {
  if constexpr (N == 2)
    return {__builtin_shufflevector(v, v, 0), __builtin_shufflevector(v, v, 1)};
  else if constexpr (N == 4)
    return {__builtin_shufflevector(v, v, 0, 1), __builtin_shufflevector(v, v, 2, 3)};
  else if constexpr (N == 8)
    return {__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7)};
  else
    return {__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
            __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)};
}
/// Sum and maximum of the lanes, by halves.
template <int N>
ISOFLOP_INLINE float sum_of(Vec<N> v) {
  if constexpr (N == 1)
    return v[0];
  else {
    const Halves<N> halves = halves_of<N>(v);
    return sum_of<N / 2>(halves.low + halves.high);
  }
}
template <int N>
ISOFLOP_INLINE float max_of(Vec<N> v) {
  if constexpr (N == 1)
    return v[0];
  else {
    const Halves<N> halves = halves_of<N>(v);
    return max_of<N / 2>(larger<N / 2>(halves.low, halves.high));
  }
}
/// 0, 1, 2, ...
template <int N>
ISOFLOP_INLINE IntVec<N> lane_numbers() {
  IntVec<N> v;
  for (int i = 0; i < N; ++i) v[i] = i;
  return v;
}

inline constexpr float kLog2E = 1.44269504088896341f;

/// 2^x to 2 ulp between -126 and 127, clamped outside; NaN stays NaN. x = n + r, |r| <= 1/2; 2^r by
/// the polynomial of degree 6 with the least relative error, 2.6e-9. Base 2, because a factor
/// log2(e) joins the factor that scores are multiplied by anyway, and n and r are exact.
template <int N>
ISOFLOP_INLINE Vec<N> exp2_of(Vec<N> x) {
  x = larger<N>(splat<N>(-126.0f), x);  // in this order a NaN is kept
  x = 127.0f < x ? splat<N>(127.0f) : x;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const Vec<N> shifted = x + kRound;
  const Vec<N> r = x - (shifted - kRound);
  Vec<N> p = r * 0.00015594677549532598f + 0.001340664390505534f;
  p = p * r + 0.009617692974890495f;
  p = p * r + 0.05550310550995795f;
  p = p * r + 0.24022652782876092f;
  p = p * r + 0.6931472149680394f;
  p = p * r + 1.0f;
  BitVec<N> exponent, bits;
  __builtin_memcpy(&exponent, &shifted, sizeof exponent);
  __builtin_memcpy(&bits, &p, sizeof bits);
  bits += exponent << 23;  // the low bits of `shifted` are n; the others leave by the shift
  Vec<N> result;
  __builtin_memcpy(&result, &bits, sizeof result);
  return result;
}

template <int N>
ISOFLOP_INLINE Vec<N> sigmoid_of(Vec<N> x) {
  return 1.0f / (1.0f + exp2_of<N>(x * -kLog2E));
}

template <int N>
struct Width {
  static constexpr int kWidth = N;
};

/// body(Width<N>, i) over 0 ... n - 1 in steps of N: widest vectors first, narrower ones at the
/// end.
template <class Body>
ISOFLOP_INLINE void sweep(Index n, Body&& body) {
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) body(Width<kLanes>{}, i);
  if constexpr (kLanes > 8)
    if (i + 8 <= n) {
      body(Width<8>{}, i);
      i += 8;
    }
  if constexpr (kLanes > 4)
    if (i + 4 <= n) {
      body(Width<4>{}, i);
      i += 4;
    }
  for (; i < n; ++i) body(Width<1>{}, i);
}

/// A sum over a sweep: lane by lane where vectors are widest, then the narrower rest.
struct Sum {
  Vec<kLanes> wide = {};
  float rest = 0;
  template <int N>
  ISOFLOP_INLINE void add(Vec<N> v) {
    if constexpr (N == kLanes)
      wide += v;
    else
      rest += sum_of<N>(v);
  }
  [[nodiscard]] ISOFLOP_INLINE float total() const { return sum_of<kLanes>(wide) + rest; }
};

}  // namespace isoflop::ISOFLOP_CPU_ISA
