// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <utility>
#include <vector>

namespace isoflop {

/// Budgets whose runs take batch, learning rate and warm-up from one place, so that those of one
/// shape may share a trunk. A group reaches sqrt(10) to either side of the budget it is tuned for:
/// there the wrong batch and learning rate cost 0.1 % of the loss by arXiv:2401.02954, eq. 1, and
/// 0.35 % by arXiv:2503.04715; a factor of 10 would cost 0.4 and 1.4 %.
class TrunkGroups {
 public:
  /// As few groups as there can be, the largest budgets together: their stages are worth most.
  explicit TrunkGroups(std::vector<double> budgets);

  /// Says that a model of M = `m` is trained at `budget`.
  void add(double budget, double m);
  /// The geometric middle of the budget's group.
  [[nodiscard]] double tuned_budget(double budget) const;
  /// The smallest budget of the group at which that model is trained.
  [[nodiscard]] double shortest_budget(double budget, double m) const;

 private:
  struct Group {
    double low, high;
  };
  [[nodiscard]] const Group& group_of(double budget) const;

  std::vector<Group> groups_;                             // descending
  std::map<std::pair<double, double>, double> shortest_;  // of a group's low and M
};

}  // namespace isoflop
