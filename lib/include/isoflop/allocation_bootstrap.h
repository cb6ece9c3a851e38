// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "isoflop/estimate.h"

namespace isoflop {

/// Percentiles of the allocation's exponents over resampled sweeps, beside the intervals of Hartung
/// and Knapp. Levels (arXiv:2202.06387 resamples scales, then seeds): every budget is shifted by
/// the scatter tau found between budgets; runs are drawn within their budget, or whole trunks where
/// runs share one; seeds are drawn within a cell that was run with several.
struct AllocationBootstrap {
  Interval scale_exponent, tokens_exponent;
  std::int64_t n_resamples = 0;
  std::int64_t n_failed = 0;  // left fewer than 3 budgets with a minimum
  bool by_trunk = false;
};

}  // namespace isoflop
