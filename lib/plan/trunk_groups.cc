// SPDX-License-Identifier: Apache-2.0
#include "plan/trunk_groups.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "isoflop/error.h"

namespace isoflop {
namespace {

// sqrt(10) to either side; budgets a rounding error further apart, such as 1e11 * sqrt(10)^2, are
// not.
constexpr double kWidestGroup = 10 * (1 + 1e-9);

}  // namespace

TrunkGroups::TrunkGroups(std::vector<double> budgets) {
  std::sort(budgets.begin(), budgets.end(), std::greater());
  for (const double budget : budgets) {
    if (groups_.empty() || groups_.back().high > budget * kWidestGroup) {
      groups_.push_back({budget, budget});
    }
    groups_.back().low = budget;
  }
}

const TrunkGroups::Group& TrunkGroups::group_of(double budget) const {
  const auto group = std::find_if(groups_.begin(), groups_.end(),
                                  [budget](const Group& one) { return one.low <= budget; });
  ISOFLOP_CHECK(group != groups_.end() && budget <= group->high, "a budget that was not given");
  return *group;
}

void TrunkGroups::add(double budget, double m) {
  const auto [entry, is_new] = shortest_.emplace(std::pair(group_of(budget).low, m), budget);
  if (!is_new) entry->second = std::min(entry->second, budget);
}

double TrunkGroups::tuned_budget(double budget) const {
  const Group& group = group_of(budget);
  return std::sqrt(group.low) * std::sqrt(group.high);
}

double TrunkGroups::shortest_budget(double budget, double m) const {
  return shortest_.at({group_of(budget).low, m});
}

}  // namespace isoflop
