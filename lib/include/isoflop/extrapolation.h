// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

namespace isoflop {

/// What a law is off by, one decade past its data, when nothing else is known: the largest mean
/// error, over six public sweeps, of laws asked for the next budget. A law whose own points agree
/// better than that has not been asked yet.
inline constexpr double kLossErrorPerDecade = 0.025;

/// How far a prediction may be trusted, by compute / largest compute behind the law: ok below 10
/// (sizes of held-out budgets of published sweeps lie within 30 %), caution up to 100 (nobody has
/// shown two decades without a hold-out of his own), and beyond that only with hold-out evidence.
enum class ExtrapolationLight { ok, caution, only_with_holdout_evidence };
[[nodiscard]] std::string_view to_string(ExtrapolationLight);
[[nodiscard]] ExtrapolationLight extrapolation_light(double ratio);
/// The same for a law whose hold-outs are known: beyond its budgets one worse where they were poor
/// or there are none.
[[nodiscard]] ExtrapolationLight extrapolation_light(double ratio, bool has_good_holdout);
/// green, yellow, red.
[[nodiscard]] std::string_view color_of(ExtrapolationLight);

/// `compute` over the largest behind the law; ten times it is 10 to the last digit, and 1 is what
/// lies within 0.5 %, since runs meet their budgets no closer.
[[nodiscard]] inline double budget_ratio(double compute, double largest) {
  constexpr double kSame = 0.005;
  const double ratio = compute / largest, whole = std::round(ratio);
  if (std::abs(ratio - 1) < kSame) return 1;
  return std::abs(ratio - whole) < 1e-12 * ratio ? whole : ratio;
}

/// Relative half-width of the 90 % interval of a predicted loss: the error one decade past the data
/// (kLossErrorPerDecade where it is not known), and in proportion to the decades beyond.
[[nodiscard]] inline double loss_error_at(const std::optional<double>& error_per_decade,
                                          double ratio) {
  return error_per_decade.value_or(kLossErrorPerDecade) *
         std::max(1.0, std::log10(std::max(1.0, ratio)));
}

}  // namespace isoflop
