// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <numbers>

namespace isoflop {

/// Where a function of one minimum between `low` and `high` has it, to within `tolerance` (Kiefer,
/// Proc. Amer. Math. Soc. 4, 1953): one evaluation per step.
template <class Function>
[[nodiscard]] double golden_section(double low, double high, double tolerance,
                                    const Function& function) {
  const double ratio = 1 / std::numbers::phi;
  double a = high - ratio * (high - low);
  double b = low + ratio * (high - low);
  double at_a = function(a);
  double at_b = function(b);
  while (high - low > tolerance) {
    if (at_a <= at_b) {
      high = b;
      b = a;
      at_b = at_a;
      at_a = function(a = high - ratio * (high - low));
    } else {
      low = a;
      a = b;
      at_a = at_b;
      at_b = function(b = low + ratio * (high - low));
    }
  }
  return 0.5 * (low + high);
}

}  // namespace isoflop
