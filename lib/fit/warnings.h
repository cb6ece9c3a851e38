// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fit/curves.h"
#include "isoflop/fit.h"

namespace isoflop {

using Words = std::vector<std::string>;

/// "12 %" of 0.12.
[[nodiscard]] std::string percent_text(double ratio);
/// "budget 1e+17: ", what a warning about one budget begins with.
[[nodiscard]] std::string at_budget(double budget);

/// What a reader must know before acting on one part of a fit, in words; each in the .cc of its
/// name.
void warn_of_valleys(const Fit& fit, std::span<const BudgetGroup> curves, Words& warnings);
void warn_of_allocation(const Fit& fit, Words& warnings);
void warn_of_surface(const Fit& fit, Words& warnings);
void warn_of_forms(const Fit& fit, Words& warnings);
void warn_of_hyper(const Fit& fit, Words& warnings);
void warn_of_holdout(const Fit& fit, Words& warnings);

/// All of them.
[[nodiscard]] std::vector<std::string> collect_warnings(const Fit& fit,
                                                        std::span<const BudgetGroup> curves);

}  // namespace isoflop
