// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

namespace isoflop {

/// bf16 is the upper half of a float: 8 bits of exponent, 7 of mantissa. Exact.
[[nodiscard]] constexpr float lift_bf16(std::uint16_t x) {
  return std::bit_cast<float>(std::uint32_t{x} << 16);
}

/// To the nearest bf16, ties to the even one; beyond the largest to infinity; NaN stays NaN.
[[nodiscard]] constexpr std::uint16_t round_to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const std::uint32_t kept = is_nan ? bits | 0x00400000u : bits + 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<std::uint16_t>(kept >> 16);
}

}  // namespace isoflop
