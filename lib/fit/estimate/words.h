// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace isoflop {

/// What a reader must know before acting on a fit, a sentence each.
using Words = std::vector<std::string>;

/// "12 %" of 0.12.
[[nodiscard]] std::string percent_text(double ratio);
/// "budget 1e+17: ", what a warning about one budget begins with.
[[nodiscard]] std::string at_budget(double budget);

}  // namespace isoflop
