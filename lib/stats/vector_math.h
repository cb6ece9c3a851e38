// SPDX-License-Identifier: Apache-2.0
// Vectors of doubles with exp and log, for what is compiled once per instruction set, each time
// into a namespace of its own. No std header with inline functions may be included beside it: the
// linker keeps one copy of such a function, and it might be the one with instructions the machine
// lacks.
#pragma once

#include <cstdint>

#define ISOFLOP_INLINE inline __attribute__((always_inline))

namespace isoflop::ISOFLOP_FIT_ISA {

/// Doubles in the widest vector register.
inline constexpr int kLanes = ISOFLOP_VECTOR_BYTES / 8;
typedef double Vec __attribute__((vector_size(ISOFLOP_VECTOR_BYTES)));
typedef std::int64_t IntVec __attribute__((vector_size(ISOFLOP_VECTOR_BYTES)));
typedef std::uint64_t BitVec __attribute__((vector_size(ISOFLOP_VECTOR_BYTES)));

ISOFLOP_INLINE Vec load(const double* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
ISOFLOP_INLINE void store(double* p, Vec v) { __builtin_memcpy(p, &v, sizeof v); }
/// x in every lane.
ISOFLOP_INLINE Vec splat(double x) { return x - Vec{}; }
ISOFLOP_INLINE Vec smaller(Vec a, Vec b) { return a < b ? a : b; }
ISOFLOP_INLINE Vec larger(Vec a, Vec b) { return a > b ? a : b; }
ISOFLOP_INLINE double sum_of(Vec v) {
  double sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += v[i];
  return sum;
}

// ln 2 in two parts; the first has 32 trailing zeros, so that small integers times it are exact.
inline constexpr double kLn2High = 0x1.62e42p-1;
inline constexpr double kLn2Low = 0x1.fdf473de6af28p-22;

/// e^x to 1 ulp for |x| <= 708; beyond, as at the end of that range.
ISOFLOP_INLINE Vec exp_of(Vec x) {
  constexpr double kRound = 0x1.8p52;  // added, it leaves the nearest integer in the low bits
  x = smaller(larger(x, splat(-708)), splat(708));
  const Vec shifted = x * 1.4426950408889634 + kRound;
  const Vec k = shifted - kRound;
  const Vec r = (x - k * kLn2High) - k * kLn2Low;
  // (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2, interpolated at Chebyshev nodes: 0.03 units of 2^-53.
  Vec q = splat(2.152394694719263e-09);
  q = q * r + 2.510520637395701e-08;
  q = q * r + 2.755526118081964e-07;
  q = q * r + 2.7557255425746435e-06;
  q = q * r + 2.4801589742789202e-05;
  q = q * r + 0.00019841269874800493;
  q = q * r + 0.0013888888887613495;
  q = q * r + 0.008333333333326141;
  q = q * r + 0.04166666666666939;
  q = q * r + 0.1666666666666667;
  q = q * r + 0.5;
  const Vec mantissa = 1 + (r + r * r * q);
  const BitVec exponent = ((BitVec)shifted << 52) + 0x3ff0000000000000u;
  return mantissa * (Vec)exponent;
}

/// ln x to 1 ulp for x >= 2^-1022, finite; below, as at the end of that range.
ISOFLOP_INLINE Vec log_of(Vec x) {
  constexpr std::uint64_t kRootHalf = 0x3fe6a09e667f3bcdu;
  constexpr std::uint64_t kBias = std::uint64_t{1024} << 52;
  x = larger(x, splat(0x1p-1022));
  // x = 2^k m with m from sqrt(1/2) to sqrt(2).
  const BitVec biased = ((BitVec)x - kRootHalf + kBias) >> 52;  // k + 1024
  const Vec k = (Vec)(biased | 0x4330000000000000u) - (0x1p52 + 1024);
  const Vec f = (Vec)((BitVec)x - (biased << 52) + kBias) - 1;
  const Vec s = f / (f + 2);
  const Vec z = s * s;
  // ln((1 + s) / (1 - s)) = 2 s + s z P(z), P interpolated at Chebyshev nodes: 0.005 units of
  // 2^-53.
  Vec p = splat(0.13086626147840102);
  p = p * z + 0.13268773138656886;
  p = p * z + 0.15386239702814658;
  p = p * z + 0.18181795640132906;
  p = p * z + 0.22222222392713917;
  p = p * z + 0.28571428570803614;
  p = p * z + 0.4000000000000088;
  p = p * z + 0.6666666666666666;
  // 2 s = f - f^2 / 2 + s f^2 / 2, so that the large term f is exact.
  const Vec half = 0.5 * f * f;
  return k * kLn2High - ((half - (s * (half + z * p) + k * kLn2Low)) - f);
}

}  // namespace isoflop::ISOFLOP_FIT_ISA
