// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "fit/points/curves.h"

namespace isoflop {

inline constexpr std::size_t kLeastHoldout = 3;

template <class Run>
struct LargestLeftOut {
  std::vector<Run> used, held_out;
};

/// The largest budgets apart, as many as make kLeastHoldout runs. A Run has a member `compute`;
/// `used` is ascending in it, `held_out` descending.
template <class Run>
[[nodiscard]] LargestLeftOut<Run> leave_largest_out(std::vector<Run> runs) {
  std::sort(runs.begin(), runs.end(),
            [](const Run& a, const Run& b) { return a.compute < b.compute; });
  std::vector<Run> held_out;
  while (held_out.size() < kLeastHoldout && !runs.empty()) {
    const double largest = runs.back().compute;
    while (!runs.empty() && runs.back().compute * kSameBudget >= largest) {
      held_out.push_back(runs.back());
      runs.pop_back();
    }
  }
  return {std::move(runs), std::move(held_out)};
}

}  // namespace isoflop
