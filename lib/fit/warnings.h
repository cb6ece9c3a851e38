// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fit/curves.h"
#include "isoflop/fit.h"

namespace isoflop {

/// What a reader of the fit must know before acting on it, in words.
[[nodiscard]] std::vector<std::string> collect_warnings(const Fit& fit,
                                                        std::span<const BudgetGroup> groups);

}  // namespace isoflop
