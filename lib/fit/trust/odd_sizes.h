// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/points/sample.h"
#include "isoflop/law.h"
#include "isoflop/trust.h"

namespace isoflop {

/// Sizes of 4 runs or more that all lie on one side of the surface, in the median by 5 times the
/// scatter of the other sizes' runs or more: the mark of a size that was typed, counted or trained
/// unlike the others. Ascending.
[[nodiscard]] std::vector<OddSize> odd_sizes(const LossLaw& surface,
                                             std::span<const Sample> samples);

}  // namespace isoflop
