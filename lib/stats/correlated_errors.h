// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <Eigen/Core>

#include "stats/log_line.h"

namespace isoflop {

/// The points' covariance, tau^2 included, with rows and columns times the roots of the weights
/// 1 / (variance + tau^2); empty where the errors are independent, then it is the unit matrix.
[[nodiscard]] Eigen::MatrixXd weighted_covariance(std::span<const LogPoint> points,
                                                  double tau_squared,
                                                  const Correlation& correlation);

/// Covariance of coefficients b of weighted least squares, y = X b in rows times the roots of the
/// weights, whose weights leave the correlation V of the rows out: s (X'X)^-1 X' V X (X'X)^-1 with
/// s = q / tr(M V), q the squared residuals and M = I - X (X'X)^-1 X'. By Satterthwaite (Biometrics
/// Bulletin 2, 1946) q has tr(M V)^2 / tr(M V M V) degrees of freedom; rows - coefficients for V =
/// I.
struct CoefficientErrors {
  Eigen::MatrixXd covariance;
  double dof = 0;
};
/// `unit_covariance` is (X'X)^-1; an empty `row_covariance` stands for I.
[[nodiscard]] CoefficientErrors coefficient_errors(const Eigen::MatrixXd& design,
                                                   const Eigen::MatrixXd& unit_covariance, double q,
                                                   const Eigen::MatrixXd& row_covariance);

/// tau_squared() by moments.
[[nodiscard]] double tau_squared(std::span<const LogPoint> points, const Correlation& correlation);

/// Standard errors of fit_line(points, tau_squared), scaled by its residuals (Hartung and Knapp,
/// Statistics in Medicine 20, 2001): level_se at x = centre and slope_se, uncorrelated.
struct LineErrors {
  double centre = 0, level_se = 0, slope_se = 0, dof = 0;
};
[[nodiscard]] LineErrors line_errors(std::span<const LogPoint> points, double tau_squared,
                                     const Correlation& correlation);

}  // namespace isoflop
