// SPDX-License-Identifier: Apache-2.0
// Along C = k N D the derivatives of L in ln N at the optimum are as L'' : L''' : L'''' =
// 1 : g : q. Least squares of a parabola on a symmetric grid take r4 = h^2 s4 / s2 of a cubic into
// the slope and r6 = h^2 (s6 - s2 s4) / (s4 - s2^2) of a quartic into the curvature, which moves
// the vertex as GridShape says.
#include <cmath>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/valley.h"

namespace isoflop {

double parabola_bias(double alpha, double beta, const GridShape& grid) {
  if (grid.n_sizes < 3 || !(grid.half_width > 1) || !(grid.centre_ratio > 0)) {
    throw Error(ErrorCode::invalid_argument,
                "a parabola's bias needs n_sizes >= 3, half_width > 1 and centre_ratio > 0, got " +
                    std::to_string(grid.n_sizes) + ", " + exact_text(grid.half_width) + " and " +
                    exact_text(grid.centre_ratio));
  }
  double s2 = 0, s4 = 0, s6 = 0;  // moments of the sizes for h = 1
  const auto n = static_cast<double>(grid.n_sizes);
  for (std::int64_t i = 0; i < grid.n_sizes; ++i) {
    const double u2 = std::pow(2 * static_cast<double>(i) / (n - 1) - 1, 2);
    s2 += u2 / n;
    s4 += u2 * u2 / n;
    s6 += u2 * u2 * u2 / n;
  }
  const double h = std::log(grid.half_width), x0 = std::log(grid.centre_ratio);
  // What a cubic adds to the parabola's slope, and a quartic to its curvature.
  const double r4 = h * h * s4 / s2, r6 = h * h * (s6 - s2 * s4) / (s4 - s2 * s2);
  const double g = beta - alpha, q = alpha * alpha - alpha * beta + beta * beta;
  return g * (x0 * x0 / 2 - r4 / 6) + q * x0 * (x0 * x0 / 3 + r6 / 12 - r4 / 6);
}

}  // namespace isoflop
