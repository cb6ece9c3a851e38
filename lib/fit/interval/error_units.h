// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/interval/linearised_surface.h"
#include "fit/points/sample.h"
#include "isoflop/surface.h"
#include "stats/resampling.h"

namespace isoflop {

/// Samples that may err together.
struct ErrorUnits {
  std::vector<RunUnit> units;
  Dependence dependence = Dependence::none;
  double p_of_sizes = 1;  // of Dependence::size, where it was tested
  [[nodiscard]] bool are_shared() const { return dependence != Dependence::none; }
};

/// Runs of one trunk; where none is shared, runs of one size if their residuals agree more than
/// chance allows (p < 0.01): the steps of one run without a name, or runs that share more than is
/// stated. Else every sample is alone.
[[nodiscard]] ErrorUnits error_units(const Linearised& line, std::span<const Sample> samples);

}  // namespace isoflop
