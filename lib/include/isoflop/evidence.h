// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "isoflop/extrapolation.h"
#include "isoflop/interval.h"

namespace isoflop {

/// How a law's own points predicted budgets that were left out: errors are median magnitudes of
/// ln(predicted / found) over the decades predicted.
struct HoldoutEvidence {
  std::int64_t n_scores = 0;
  double largest_ratio = 1;  // held-out budget / largest budget used
  double size_per_decade = 0, loss_per_decade = 0;
  bool is_poor = false;
};

/// The fit's forecast at `ratio` times the largest budget behind a law, over the law's own values
/// there: the median, and its 90 % interval, [0.5, 2] from half to twice. Absent where an end is
/// open or nothing is known.
struct LawIntervals {
  double ratio = 1;
  std::optional<Interval> size = std::nullopt, loss = std::nullopt;
  double size_median = 1, loss_median = 1;
};

/// What a fit says its law is worth, so that whoever uses the law can repeat it.
struct Evidence {
  std::optional<HoldoutEvidence> holdout;  // none: nothing was left out
  std::vector<LawIntervals> intervals;     // ascending in ratio

  [[nodiscard]] bool has_good_holdout() const { return holdout && !holdout->is_poor; }
};

/// At any budget: logarithms of the medians, and of the ends over them, along straight lines in
/// ln(ratio) between the intervals; beyond the last one about its median, and no narrower; before
/// the first one as there.
[[nodiscard]] LawIntervals intervals_at(const Evidence& evidence, double ratio);

}  // namespace isoflop
