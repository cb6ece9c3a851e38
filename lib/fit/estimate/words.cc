// SPDX-License-Identifier: Apache-2.0
#include "fit/estimate/words.h"

#include <cmath>

#include "base/text.h"

namespace isoflop {

std::string percent_text(double ratio) {
  const double percent = 100 * ratio;
  const bool whole = std::abs(percent) >= 99.5;  // two digits would make it 1e+02
  return (whole ? rounded_text(std::round(percent), 6) : rounded_text(percent, 2)) + " %";
}
std::string at_budget(double budget) { return "budget " + rounded_text(budget, 3) + ": "; }

}  // namespace isoflop
