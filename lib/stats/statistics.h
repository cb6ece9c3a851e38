// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "isoflop/interval.h"

namespace isoflop {

/// Half-width of a normal's two-sided 90 % interval, in standard deviations.
inline constexpr double kNormal90 = 1.6448536269514722;

/// Of the sd of a normal distribution, in median absolute deviations.
inline constexpr double kSdPerMad = 1.4826;

/// value -+ half_width.
[[nodiscard]] Interval around(double value, double half_width);
/// The same in logarithms: e^(ln_value -+ half_width).
[[nodiscard]] Interval around_log(double ln_value, double half_width);

/// The 5th and 95th percentile, interpolated between order statistics. Needs a value.
[[nodiscard]] Interval percentile_interval(std::vector<double> values);

/// Variance of Huber's estimator with threshold k standard deviations over that of the mean, for
/// normal errors: E psi^2 / (E psi')^2 (Huber, Ann. Math. Stat. 35, 1964); 1 for large k, pi / 2
/// for small ones.
[[nodiscard]] double huber_inefficiency(double k);

/// Of an even number, the mean of the middle two. Needs a value.
[[nodiscard]] double median(std::vector<double> values);
[[nodiscard]] double mean(std::span<const double> values);
/// With n - 1; 0 for fewer than two values.
[[nodiscard]] double standard_deviation(std::span<const double> values);

}  // namespace isoflop
