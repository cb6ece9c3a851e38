// SPDX-License-Identifier: Apache-2.0
#include "stats/find_root.h"

#include <cstdint>
#include <limits>

#include <boost/math/tools/toms748_solve.hpp>

#include "isoflop/error.h"

namespace isoflop {

double find_root(double low, double high, const std::function<double(double)>& function) {
  const double at_low = function(low), at_high = function(high);
  if (at_low == 0) return low;
  if (at_high == 0) return high;
  ISOFLOP_CHECK((at_low < 0) != (at_high < 0), "a root is sought where there is no change of sign");
  namespace tools = boost::math::tools;
  std::uintmax_t n_steps = 200;
  const auto [below, above] = tools::toms748_solve(
      function, low, high, at_low, at_high,
      tools::eps_tolerance<double>(std::numeric_limits<double>::digits - 2), n_steps);
  return 0.5 * (below + above);
}

}  // namespace isoflop
