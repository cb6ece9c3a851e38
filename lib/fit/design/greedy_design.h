// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fit/design/design_state.h"
#include "isoflop/next.h"

namespace isoflop {

/// What runs cost together: of each trunk the longest stem once, and every run's own tail.
class TrunkCosts {
 public:
  [[nodiscard]] double cost_of(const CandidateRun& run) const;
  double pay(const CandidateRun& run);

 private:
  std::map<std::string, double> stems_;
};

/// Greedy choice by the mean over draws of (Var[ln N*] + w Var[ln L*]), each relative to its value
/// at the start, per FLOP.
class GreedyDesign {
 public:
  /// The states are of one draw of the surface each; rows[draw][candidate].
  GreedyDesign(std::vector<DesignState> states, std::vector<std::vector<DesignState::Row>> rows,
               std::span<const CandidateRun> candidates, double loss_weight);

  /// Takes a candidate, whatever it is worth.
  void take(std::size_t candidate, bool brackets = false);
  /// The best one that costs at most `most`, by gain / cost^cost_power; nothing if there is none.
  [[nodiscard]] std::optional<std::size_t> best(double most, double cost_power) const;

  /// Mean of the two relative variances: 1 + loss_weight at the start.
  [[nodiscard]] double criterion() const;
  /// Of the first draw, which is the fit itself.
  [[nodiscard]] TargetError error() const { return states_.front().error(); }
  [[nodiscard]] double spent() const { return spent_; }
  [[nodiscard]] const std::vector<ChosenRun>& runs() const { return runs_; }

 private:
  std::vector<DesignState> states_;
  std::vector<std::vector<DesignState::Row>> rows_;
  std::span<const CandidateRun> candidates_;
  double loss_weight_;
  std::vector<TargetError> at_start_;
  std::vector<bool> taken_;
  TrunkCosts costs_;
  double spent_ = 0;
  std::vector<ChosenRun> runs_;
};

/// Spends up to `flops`: by gain per FLOP, and by gain per smaller powers of the cost, which leaves
/// less to many cheap runs; the design with the least criterion.
[[nodiscard]] GreedyDesign spend(const GreedyDesign& start, double flops);

/// The least that any of these ways spends to halve the error; nothing where all candidates do not.
[[nodiscard]] std::optional<double> flops_to_halve(const GreedyDesign& start,
                                                   double TargetError::*error);

}  // namespace isoflop
