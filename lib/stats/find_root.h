// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace isoflop {

/// Where `function`, of opposite signs at `low` and `high` (or 0 at one of them), is 0: to the last
/// digits of a double, by Boost.Math's TOMS 748 (Alefeld, Potra and Shi, ACM Trans. Math. Softw.
/// 21, 1995).
[[nodiscard]] double find_root(double low, double high,
                               const std::function<double(double)>& function);

}  // namespace isoflop
