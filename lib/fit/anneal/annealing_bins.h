// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "isoflop/forms.h"

namespace isoflop {

/// Losses of neighbouring steps of one curve.
struct AnnealingBin {
  std::size_t curve = 0;
  std::vector<std::int64_t> steps;
  double loss = 0;  // mean
};

struct AnnealingBins {
  std::vector<AnnealingBin> bins;  // curve after curve, ascending in steps
  std::int64_t n_losses = 0;
  /// Of one ln loss, by the differences of neighbours within bins; 0 where there are none.
  double variance = 0;
  bool has_decay = false;  // behind a warm-up, at or before a step of a bin
};

/// At most 64 bins a curve, of losses from step `from_step` on and behind the curve's warm-up: half
/// of them even in ln step, a quarter in the rate's changes and a quarter in steps since the first
/// of these, which a constant rate gives to ln step. Losses that an earlier curve has are left out.
[[nodiscard]] AnnealingBins annealing_bins(const std::vector<RateCurve>& curves,
                                           std::int64_t from_step);

}  // namespace isoflop
