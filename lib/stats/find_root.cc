// SPDX-License-Identifier: Apache-2.0
#include "stats/find_root.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include <boost/math/tools/roots.hpp>
#include <boost/math/tools/toms748_solve.hpp>

#include "isoflop/error.h"

namespace isoflop {

double find_root(double low, double high, int n_halvings,
                 const std::function<double(double)>& function) {
  const double at_low = function(low), at_high = function(high);
  if (at_low == 0) return low;
  if (at_high == 0) return high;
  if (std::isnan(at_low) || std::isnan(at_high)) return std::numeric_limits<double>::quiet_NaN();
  ISOFLOP_CHECK((at_low < 0) != (at_high < 0), "a root is sought where there is no change of sign");
  const auto are_neighbours = [](double a, double b) {
    const double middle = 0.5 * (a + b);
    return middle == a || middle == b;
  };
  auto n_steps = static_cast<std::uintmax_t>(n_halvings) + 3;  // it counts evaluations
  const auto [below, above] =
      boost::math::tools::bisect(function, low, high, are_neighbours, n_steps);
  return 0.5 * (below + above);
}

double find_smooth_root(double low, double high, double tolerance,
                        const std::function<double(double)>& function) {
  std::uintmax_t n_steps = 200;
  const auto is_found = [&](double a, double b) { return b - a <= tolerance; };
  const auto [below, above] =
      boost::math::tools::toms748_solve(function, low, high, is_found, n_steps);
  return 0.5 * (below + above);
}

}  // namespace isoflop
