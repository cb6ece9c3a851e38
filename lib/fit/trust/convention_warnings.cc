// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.h"
#include "fit/trust/trust_warnings.h"

namespace isoflop {
namespace {

// Half of what separates Kaplan's exponent from Chinchilla's.
constexpr double kNotableSpread = 0.1;

}  // namespace

void warn_of_conventions(const ConventionLadder& ladder, Words& warnings) {
  const auto [low, high] = std::minmax_element(
      ladder.rows.begin(), ladder.rows.end(), [](const ConventionFit& a, const ConventionFit& b) {
        return a.scale_opt.law.exponent < b.scale_opt.law.exponent;
      });
  const double least = low->scale_opt.law.exponent;
  const double most = high->scale_opt.law.exponent;
  if (most - least > kNotableSpread) {
    warnings.push_back(
        "The size exponent is " + rounded_text(least, 3) + " by " +
        std::string(to_string(low->convention)) + " and " + rounded_text(most, 3) + " by " +
        std::string(to_string(high->convention)) +
        ": at this scale it says as much about the counting as about the models; state the "
        "convention with it.");
  }
  if (!ladder.assumed.empty()) {
    warnings.push_back("FLOPs conventions: the points do not state " + join(ladder.assumed, ", ") +
                       "; taken as the nominal shape has them: add these columns.");
  }
}

}  // namespace isoflop
