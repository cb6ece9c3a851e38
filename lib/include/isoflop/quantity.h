// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>

namespace isoflop {

/// A real number with a unit that the compiler checks. Compute-optimal budgets reach 1e27, past any
/// 64-bit integer, hence double; counts that must be exact stay std::int64_t elsewhere.
template <class Unit>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(double value) : value_(value) {}
  [[nodiscard]] constexpr double value() const { return value_; }
  // NOLINTNEXTLINE(modernize-use-nullptr): of clang-tidy 14
  constexpr auto operator<=>(const Quantity&) const = default;

  constexpr Quantity& operator+=(Quantity other) {
    value_ += other.value_;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return a += b; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity(a.value_ - b.value_);
  }
  friend constexpr Quantity operator*(double factor, Quantity a) {
    return Quantity(factor * a.value_);
  }
  friend constexpr double operator/(Quantity a, Quantity b) { return a.value_ / b.value_; }

 private:
  double value_ = 0;
};

using Tokens = Quantity<struct TokensUnit>;                // D: training tokens seen
using FlopsPerToken = Quantity<struct FlopsPerTokenUnit>;  // M: forward + backward of one token
using Flops = Quantity<struct FlopsUnit>;                  // C: a total, never a rate

// C = M * D is the only product of quantities that compiles.
constexpr Flops operator*(FlopsPerToken m, Tokens d) { return Flops(m.value() * d.value()); }
constexpr Flops operator*(Tokens d, FlopsPerToken m) { return m * d; }
constexpr Tokens operator/(Flops c, FlopsPerToken m) { return Tokens(c.value() / m.value()); }
constexpr FlopsPerToken operator/(Flops c, Tokens d) {
  return FlopsPerToken(c.value() / d.value());
}

}  // namespace isoflop
