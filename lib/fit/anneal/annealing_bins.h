// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "isoflop/forms.h"

namespace isoflop {

/// Losses of neighbouring steps of one curve.
struct AnnealingBin {
  std::size_t curve = 0;
  std::vector<std::int64_t> steps;
  double loss = 0;  // mean
  /// An earlier curve that shares the first steps, rates and losses, and so the batches, with this
  /// one and has a loss at all of `steps`: their mean.
  std::optional<std::size_t> reference = {};
  double reference_loss = 0;
};

struct AnnealingBins {
  std::vector<AnnealingBin> bins;  // curve after curve, ascending in steps
  std::int64_t n_losses = 0;
  /// Of one ln loss, by the differences of neighbours within bins; 0 where there are none.
  double variance = 0;
  double variance_dof = 0;  // neighbouring differences share a loss: two thirds of their number
  /// What a batch does to the loss of one curve it does to another: slope of ln loss against that
  /// of the reference, and the share of the variance that this explains; by the same differences.
  /// 0 where they are not beyond chance, and then no bin has a reference.
  double batch_slope = 0, batch_share = 0;
  bool has_decay = false;  // behind a warm-up, at or before a step of a bin
};

/// At most 64 bins a curve, of losses from step `from_step` on and behind the curve's warm-up: half
/// of them even in ln step, a quarter in the rate's changes and a quarter in steps since the first
/// of these, which a constant rate gives to ln step. Losses that an earlier curve has are left out.
[[nodiscard]] AnnealingBins annealing_bins(const std::vector<RateCurve>& curves,
                                           std::int64_t from_step);

}  // namespace isoflop
