// SPDX-License-Identifier: Apache-2.0
// Compiled once per instruction set, as the kernels of lib/train/cpu are.
#include "bench/fma_loop.h"

#include "train/cpu/vector.h"

namespace isoflop::ISOFLOP_CPU_ISA {

std::int64_t fma_loop(std::int64_t n, float seed, float* sink) {
  // Two units of four cycles' latency need eight chains; twelve and two operands fit 16 registers.
  constexpr int kChains = 12;
  Vec<kLanes> chains[kChains];
  for (int c = 0; c < kChains; ++c) chains[c] = Vec<kLanes>{} + seed * static_cast<float>(c);
  const Vec<kLanes> factor = Vec<kLanes>{} + (1 - seed), term = Vec<kLanes>{} + seed;
  for (std::int64_t i = 0; i < n; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) chains[c] = chains[c] * factor + term;
  }
  for (int c = 0; c < kChains; ++c) *sink += chains[c][0];
  return n * kChains * kLanes * 2;
}

}  // namespace isoflop::ISOFLOP_CPU_ISA
