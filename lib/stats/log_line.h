// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace isoflop {

struct LogPoint {
  double x, y, variance;
};

/// Of points' errors, by row; empty where they are independent.
using Correlation = std::vector<double>;

/// y = level + slope (x - centre) by least squares with weights w = 1 / (variance + tau^2); level
/// and slope are uncorrelated.
struct Line {
  double centre = 0, level = 0, slope = 0;
  double weight = 0;  // sum of w
  double spread = 0;  // sum of w (x - centre)^2
  double q = 0;       // sum of w r^2
  [[nodiscard]] double at(double x) const { return level + slope * (x - centre); }
};
[[nodiscard]] Line fit_line(std::span<const LogPoint> points, double tau_squared);

/// Estimators of the variance tau^2 of a random effect per point, beyond the points' own variances.
/// moments: DerSimonian and Laird (Controlled Clinical Trials 7, 1986), as of a regression.
/// paule_mandel: sum of w r^2 = n - 2 (J. Res. NBS 87, 1982). reml: the maximum of the restricted
/// likelihood over tau^2 >= 0 (Harville, JASA 72, 1977).
enum class TauMethod { moments, paule_mandel, reml };

/// Needs 3 points at two values of x or more.
[[nodiscard]] double tau_squared(std::span<const LogPoint> points, TauMethod method);

}  // namespace isoflop
