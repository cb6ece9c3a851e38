// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "isoflop/plan.h"

namespace isoflop {

/// With fewer steps warm-up and schedule are coarse.
inline constexpr std::int64_t kFewSteps = 500;

/// What the runs of one budget suffered on the way to whole numbers, told once per budget.
class Bends {
 public:
  void count_shrunk_batch() { ++shrunk_; }
  void count(const PlannedRun& run);
  [[nodiscard]] std::vector<std::string> warnings(const std::string& path, double budget) const;

 private:
  std::int64_t shrunk_ = 0, few_steps_ = 0, off_budget_ = 0, long_warmup_ = 0, repeated_ = 0;
  std::int64_t fewest_steps_ = kFewSteps;
  double worst_miss_ = 0, most_epochs_ = 0;
};

}  // namespace isoflop
