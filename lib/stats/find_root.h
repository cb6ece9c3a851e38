// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace isoflop {

/// Where `function`, of opposite signs at `low` and `high` (or 0 at one of them), is 0, by
/// `n_halvings` of the bracket (Boost.Math's bisection): to within 2^-(n_halvings + 1) of its
/// width. NaN where the function is NaN at an end.
[[nodiscard]] double find_root(double low, double high, int n_halvings,
                               const std::function<double(double)>& function);

/// The same in few evaluations, for functions that are smooth (Boost.Math's TOMS 748), to within
/// `tolerance`. Signs must differ.
[[nodiscard]] double find_smooth_root(double low, double high, double tolerance,
                                      const std::function<double(double)>& function);

}  // namespace isoflop
