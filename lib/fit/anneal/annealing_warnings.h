// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "isoflop/forms.h"

namespace isoflop {

/// What a user of the law should know before using it.
[[nodiscard]] std::vector<std::string> annealing_warnings(const AnnealingFit& fit,
                                                          const std::vector<RateCurve>& curves,
                                                          const AnnealingOptions& options);

}  // namespace isoflop
