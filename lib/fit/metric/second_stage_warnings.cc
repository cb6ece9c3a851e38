// SPDX-License-Identifier: Apache-2.0
#include "fit/metric/second_stage_warnings.h"

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kSignificant = 0.01;
constexpr double kNotableReach = 0.1;  // of the range of the losses

void warn_of_ceiling(const SecondStage& stage, Words& warnings) {
  if (stage.ceiling_identified) return;
  warnings.push_back("Column " + stage.column + ": the points do not identify the ceiling; from " +
                     rounded_text(stage.ceiling_profile.low, 3) + " to " +
                     rounded_text(stage.ceiling_profile.high, 3) +
                     " all fit nearly as well, and lower losses will tell it.");
}

void warn_of_stage_holdout(const SecondStage& stage, Words& warnings) {
  if (!stage.holdout || !stage.holdout->is_poor) return;
  warnings.push_back("Column " + stage.column + ": hold-out at " +
                     rounded_text(stage.holdout->ratio, 3) + " times the compute is off by " +
                     rounded_text(stage.holdout->rms_error, 3) + " (root mean square, worst " +
                     rounded_text(stage.holdout->worst_error, 3) + "), its points scatter by " +
                     rounded_text(stage.holdout->residual_sd, 2) + ".");
}

void warn_of_reach(const SecondStage& stage, Words& warnings) {
  const SecondStageTarget* furthest = nullptr;
  for (const SecondStageTarget& target : stage.at_targets) {
    if (target.beyond > kNotableReach &&
        (furthest == nullptr || target.beyond > furthest->beyond)) {
      furthest = &target;
    }
  }
  if (furthest == nullptr) return;
  warnings.push_back("Column " + stage.column + ": at " + rounded_text(furthest->compute, 3) +
                     " FLOPs it extrapolates in the loss, to " + rounded_text(furthest->loss, 4) +
                     " from points between " + rounded_text(stage.losses.low, 4) + " and " +
                     rounded_text(stage.losses.high, 4) + " (" + percent_text(furthest->beyond) +
                     " of their range beyond them).");
}

}  // namespace

void warn_of_second_stage(std::span<const SecondStage> stages, Words& warnings) {
  for (const SecondStage& stage : stages) {
    if (!stage.not_fitted.empty()) {
      warnings.push_back("Column " + stage.column + " was not fitted: " + stage.not_fitted + ".");
      continue;
    }
    if (!stage.usable()) {
      warnings.push_back("Column " + stage.column + ": the fit to the loss did not converge.");
      continue;
    }
    // Of a curve that is not there, floor and ceiling say nothing.
    if (stage.slope_p > kSignificant) {
      warnings.push_back("Column " + stage.column +
                         ": still at chance, no slope in the loss (p = " +
                         rounded_text(stage.slope_p, 2) + "); its curve predicts nothing.");
      continue;
    }
    warn_of_ceiling(stage, warnings);
    warn_of_stage_holdout(stage, warnings);
    warn_of_reach(stage, warnings);
  }
}

}  // namespace isoflop
