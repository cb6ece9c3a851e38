// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "base/rng.h"

namespace isoflop {

/// A pseudo-random bijection of 0 ... n - 1 in O(1) time and memory: a Feistel network on pairs
/// (i / b, i mod b) of a grid a x b >= n, walked until it comes back below n (Black & Rogaway,
/// "Ciphers with arbitrary finite domains", CT-RSA 2002). The grid exceeds n by at most 2 sqrt(n) +
/// 1 cells, so the walk is short: 1 + O(1 / sqrt(n)) steps on average.
class Permutation {
 public:
  Permutation(std::uint64_t n, std::uint64_t key) : n_(n), rng_(key, kStream) {
    a_ = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(n)));
    while (a_ * a_ > n) --a_;
    while (a_ * a_ < n) ++a_;
    b_ = a_ == 0 ? 0 : (n + a_ - 1) / a_;
  }

  [[nodiscard]] std::uint64_t operator()(std::uint64_t i) const {
    do {
      i = step(i);
    } while (i >= n_);
    return i;
  }

 private:
  static constexpr std::uint64_t kStream = 0x7065726d;
  static constexpr std::uint64_t kRounds = 4;

  [[nodiscard]] std::uint64_t step(std::uint64_t i) const {
    std::uint64_t left = i / b_, right = i % b_;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      left = add(left, rng_.below(a_, right * 2 * kRounds + 2 * round), a_);
      right = add(right, rng_.below(b_, left * 2 * kRounds + 2 * round + 1), b_);
    }
    return left * b_ + right;
  }

  static std::uint64_t add(std::uint64_t x, std::uint64_t y, std::uint64_t modulus) {
    const std::uint64_t sum = x + y;
    return sum >= modulus ? sum - modulus : sum;
  }

  std::uint64_t n_, a_ = 0, b_ = 0;
  Rng rng_;
};

}  // namespace isoflop
