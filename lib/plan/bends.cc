// SPDX-License-Identifier: Apache-2.0
#include "plan/bends.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kBudgetTolerance = 0.005;

}  // namespace

void Bends::count(const PlannedRun& run) {
  const RunSpec& spec = run.spec;
  const double miss = std::abs(run.compute / run.budget - 1);
  few_steps_ += spec.n_steps < kFewSteps;
  fewest_steps_ = std::min(fewest_steps_, spec.n_steps);
  off_budget_ += miss > kBudgetTolerance;
  worst_miss_ = std::max(worst_miss_, miss);
  long_warmup_ += spec.warmup_steps * 10 > spec.n_steps;
  repeated_ += run.epochs > 1;
  most_epochs_ = std::max(most_epochs_, run.epochs);
}

std::vector<std::string> Bends::warnings(const std::string& path, double budget) const {
  std::vector<std::string> texts;
  const auto tell = [&](std::int64_t n, const std::string& what) {
    if (n == 0) return;
    texts.push_back(path + " (" + rounded_text(budget, 4) + "): " + std::to_string(n) +
                    (n == 1 ? " run " : " runs ") + what);
  };
  tell(shrunk_,
       "with a smaller batch than the law's, to take " + std::to_string(kFewSteps) + " steps");
  tell(few_steps_, "of fewer than " + std::to_string(kFewSteps) + " steps, down to " +
                       std::to_string(fewest_steps_));
  tell(off_budget_, "off the budget by more than 0.5 %, up to " +
                        rounded_text(100 * worst_miss_, 2) + " %: whole steps are too coarse");
  tell(long_warmup_, "with a warm-up of more than a tenth of the steps");
  tell(repeated_, "longer than the training split, up to " + rounded_text(most_epochs_, 3) +
                      " epochs: repeated data teach less than new");
  return texts;
}

}  // namespace isoflop
