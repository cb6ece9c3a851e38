// SPDX-License-Identifier: Apache-2.0
// A run's worth is the fall of the relative variances, summed over the draws of the surface, over
// its cost to a power: 1 is greed per FLOP, 0 greed by gain. Each power of kCostPowers makes a
// design and the least criterion wins. Of a trunk only the longest stem chosen is paid, so that
// costs fall as runs are taken.
#include "fit/design/greedy_design.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace isoflop {
namespace {

// Greedy by the ratio alone can be arbitrarily far from the best design under a budget; the better
// of it and of greedy by the gain alone cannot (Khuller, Moss and Naor, Inf. Proc. Letters 70,
// 1999).
constexpr std::array kCostPowers = {1.0, 0.75, 0.5, 0.25, 0.0};

double relative(const TargetError& now, const TargetError& start, double loss_weight) {
  return std::pow(now.ln_scale / start.ln_scale, 2) +
         loss_weight * std::pow(now.ln_loss / start.ln_loss, 2);
}

}  // namespace

double TrunkCosts::cost_of(const CandidateRun& run) const {
  if (run.trunk.empty()) return run.cost;
  const auto paid = stems_.find(run.trunk);
  return paid == stems_.end() ? run.cost : run.cost - std::min(run.stem, paid->second);
}

double TrunkCosts::pay(const CandidateRun& run) {
  const double cost = cost_of(run);
  if (!run.trunk.empty()) {
    double& stem = stems_[run.trunk];
    stem = std::max(stem, run.stem);
  }
  return cost;
}

GreedyDesign::GreedyDesign(std::vector<DesignState> states,
                           std::vector<std::vector<DesignState::Row>> rows,
                           std::span<const CandidateRun> candidates, double loss_weight)
    : states_(std::move(states)),
      rows_(std::move(rows)),
      candidates_(candidates),
      loss_weight_(loss_weight),
      taken_(candidates.size(), false) {
  for (const DesignState& state : states_) at_start_.push_back(state.error());
}

void GreedyDesign::take(std::size_t candidate, bool brackets) {
  for (std::size_t d = 0; d < states_.size(); ++d) states_[d].add(rows_[d][candidate]);
  const double cost = costs_.pay(candidates_[candidate]);
  taken_[candidate] = true;
  spent_ += cost;
  runs_.push_back({candidate, cost, brackets});
}

std::optional<std::size_t> GreedyDesign::best(double most, double cost_power) const {
  std::optional<std::size_t> best;
  double best_worth = 0;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (taken_[i]) continue;
    const double cost = costs_.cost_of(candidates_[i]);
    if (cost > most) continue;
    double gain = 0;
    for (std::size_t d = 0; d < states_.size(); ++d) {
      const DesignState::Gain of = states_[d].gain(rows_[d][i]);
      const TargetError& start = at_start_[d];
      gain += of.ln_scale / (start.ln_scale * start.ln_scale) +
              loss_weight_ * of.ln_loss / (start.ln_loss * start.ln_loss);
    }
    const double worth = gain / std::pow(cost, cost_power);
    if (worth > best_worth) {
      best = i;
      best_worth = worth;
    }
  }
  return best;
}

double GreedyDesign::criterion() const {
  double sum = 0;
  for (std::size_t d = 0; d < states_.size(); ++d) {
    sum += relative(states_[d].error(), at_start_[d], loss_weight_);
  }
  return sum / static_cast<double>(states_.size());
}

GreedyDesign spend(const GreedyDesign& start, double flops) {
  std::optional<GreedyDesign> best;
  for (const double power : kCostPowers) {
    GreedyDesign design = start;
    while (const auto next = design.best(flops - design.spent(), power)) design.take(*next);
    if (!best || design.criterion() < best->criterion()) best = std::move(design);
  }
  return *std::move(best);
}

std::optional<double> flops_to_halve(const GreedyDesign& start, double TargetError::*error) {
  const double goal = start.error().*error / 2;
  std::optional<double> least;
  for (const double power : kCostPowers) {
    GreedyDesign design = start;
    const double most = least.value_or(std::numeric_limits<double>::infinity());
    while (design.error().*error > goal) {
      const auto next = design.best(most - design.spent(), power);
      if (!next) break;
      design.take(*next);
    }
    if (design.error().*error <= goal && design.spent() < most) least = design.spent();
  }
  return least;
}

}  // namespace isoflop
