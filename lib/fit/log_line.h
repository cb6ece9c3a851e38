// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace isoflop {

struct LogPoint {
  double x, y, variance;
};

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

/// Of the points' errors, by row; empty where they are independent.
using Correlation = std::vector<double>;

/// By moments, where the points' errors are correlated.
[[nodiscard]] double tau_squared(std::span<const LogPoint> points, const Correlation& correlation);

/// Standard errors of a line, scaled by its residuals (Hartung and Knapp, Statistics in Medicine
/// 20, 2001): level_se at x = centre and slope_se, uncorrelated, with `dof` degrees of freedom.
struct LineErrors {
  double centre = 0, level_se = 0, slope_se = 0, dof = 0;
};

/// Of fit_line(points, tau_squared), whose weights leave the correlation out. With P of q = y' P y
/// and V the covariance of the points, tau^2 included, q has the mean tr(P V) and by Satterthwaite
/// (Biometrics Bulletin 2, 1946) tr(P V)^2 / tr(P V P V) degrees of freedom, which is n - 2 where
/// the errors are independent.
[[nodiscard]] LineErrors line_errors(std::span<const LogPoint> points, double tau_squared,
                                     const Correlation& correlation);

}  // namespace isoflop
