// SPDX-License-Identifier: Apache-2.0
// bf16 and back, in integers: the instructions that round to bf16 lose denormal numbers.
#include "train/cpu/table.h"

namespace isoflop::ISOFLOP_CPU_ISA {

void lift(Index n, const std::uint16_t* x, float* y) {
  sweep(n, [&](auto w, Index i) {
    constexpr int N = decltype(w)::kWidth;
    HalfVec<N> half;
    __builtin_memcpy(&half, x + i, sizeof half);
    const BitVec<N> bits = __builtin_convertvector(half, BitVec<N>) << 16;
    __builtin_memcpy(y + i, &bits, sizeof bits);
  });
}

// To the nearest, ties to the even one: half an ulp less its last bit, plus the last kept bit,
// carries into the kept bits where it must, beyond the largest number to infinity.
void round_to_bf16(Index n, const float* x, std::uint16_t* y) {
  sweep(n, [&](auto w, Index i) {
    constexpr int N = decltype(w)::kWidth;
    BitVec<N> bits;
    __builtin_memcpy(&bits, x + i, sizeof bits);
    const auto is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
    const BitVec<N> nearest = bits + 0x7fffu + ((bits >> 16) & 1u);
    const BitVec<N> quiet = bits | 0x00400000u;
    const HalfVec<N> half = __builtin_convertvector((is_nan ? quiet : nearest) >> 16, HalfVec<N>);
    __builtin_memcpy(y + i, &half, sizeof half);
  });
}

}  // namespace isoflop::ISOFLOP_CPU_ISA
