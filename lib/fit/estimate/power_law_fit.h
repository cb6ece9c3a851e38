// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "isoflop/estimate.h"
#include "stats/log_line.h"

namespace isoflop {

struct PowerLawPoint {
  double x = 0, y = 0;
  double ln_y_se = 0;  // the point's own error; 0 where unknown
};

/// Their logarithms, with errors that are zero or absurdly small beside the others raised.
[[nodiscard]] std::vector<LogPoint> logarithms(std::span<const PowerLawPoint> points);

/// Weighted regression of ln y on ln x with a random effect per point of variance tau^2, its
/// intervals by Hartung and Knapp (Statistics in Medicine 20, 2001) with Student's t of n - 2: with
/// a handful of budgets the normal quantile would cover far less than it says. Usable from 3
/// points. The estimators of tau cover alike: tests/bench/tau_study.cc.
[[nodiscard]] PowerLawFit fit_power_law(std::span<const PowerLawPoint> points,
                                        TauMethod method = TauMethod::moments);

/// The same by moments where the points' own errors are correlated: weighted alike, but for tau and
/// the intervals (line_errors).
[[nodiscard]] PowerLawFit fit_power_law(std::span<const PowerLawPoint> points,
                                        const Correlation& correlation);

/// Those of exponent and coefficient, from the standard errors, the centre at which these are
/// uncorrelated, and t.
void set_intervals(PowerLawFit& fit, double ln_coefficient);

}  // namespace isoflop
