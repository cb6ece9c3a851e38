// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace isoflop {

/// SplitMix64's finalizer: a bijection of 64-bit words that looks random.
[[nodiscard]] constexpr std::uint64_t mix_bits(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// A counter-based generator: number `i` of stream `(seed, stream)` is a pure function of all
/// three, so that nothing depends on who draws first.
class Rng {
 public:
  constexpr explicit Rng(std::uint64_t seed, std::uint64_t stream = 0)
      : key_(mix_bits(mix_bits(seed) ^ (stream * 0xd1342543de82ef95u + 1))) {}

  [[nodiscard]] constexpr std::uint64_t bits(std::uint64_t i) const {
    return mix_bits(key_ ^ mix_bits(i));
  }
  /// Uniform in [0, 1), 53 bits.
  [[nodiscard]] constexpr double uniform(std::uint64_t i) const {
    return static_cast<double>(bits(i) >> 11) * 0x1p-53;
  }
  /// Uniform in 0 ... n - 1, n > 0; the bias is below n / 2^64.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t n, std::uint64_t i) const {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bits(i)) * n) >> 64);
  }
  /// Standard normal (Box-Muller on numbers 2i and 2i + 1).
  [[nodiscard]] double normal(std::uint64_t i) const {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(2 * i)));
    return radius * std::cos(2.0 * std::numbers::pi * uniform(2 * i + 1));
  }

 private:
  std::uint64_t key_;
};

}  // namespace isoflop
