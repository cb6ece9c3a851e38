// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "isoflop/estimate.h"
#include "isoflop/extrapolation.h"
#include "isoflop/trust.h"

namespace isoflop {

/// How the terminal and the page write the numbers of a fit.

/// "[1.2, 3.4]"; "" where the interval is empty.
[[nodiscard]] std::string interval_text(const Interval& interval, int digits = 3);
[[nodiscard]] std::string with_interval(double value, const Interval& interval);
/// 1.22M [129k, 11.5M]
[[nodiscard]] std::string with_si_interval(double value, const std::optional<Interval>& interval);

/// Exponents are compared digit by digit: three places, zeros kept.
[[nodiscard]] std::string exponent_text(double exponent);
[[nodiscard]] std::string exponent_text(double exponent, const Interval& interval);
[[nodiscard]] std::string exponent_text(const PowerLawFit& fit);

/// Two significant digits: 0.16%, 3.7%, 27%, 110%.
[[nodiscard]] std::string percent(double share);
[[nodiscard]] std::string signed_percent(double share);

/// "not bracketed"
[[nodiscard]] std::string words(FitStatus status);
/// "red: only with hold-out evidence", and its first word.
[[nodiscard]] std::string words(ExtrapolationLight light);
[[nodiscard]] std::string color_word(ExtrapolationLight light);

/// What a wrong size wastes at worst over the target's interval: the share of the compute, "12%",
/// and with GPU hours and price where they are known; "" where no surface tells.
[[nodiscard]] std::string worst_waste_share(const Target& target);
[[nodiscard]] std::string worst_waste(const Target& target);

}  // namespace isoflop
