// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "fit/trust/trust_warnings.h"

namespace isoflop {
namespace {

constexpr double kNotableDisagreement = 0.3;  // as much as a poor hold-out
constexpr double kNotableWaste = 0.1;         // of the budget

std::string at_target(const Target& target) {
  return "At " + rounded_text(target.compute, 3) + " FLOPs, " + rounded_text(target.ratio, 3) +
         " times the largest budget, ";
}

}  // namespace

void warn_of_targets(std::span<const Target> targets, Words& warnings) {
  for (const Target& target : targets) {
    if (target.light == ExtrapolationLight::only_with_holdout_evidence) {
      warnings.push_back(at_target(target) +
                         "a prediction is worth something only with hold-out evidence.");
    }
    if (target.disagreement && std::abs(std::log1p(*target.disagreement)) > kNotableDisagreement) {
      warnings.push_back(at_target(target) + "the surface's optimal size is " +
                         rounded_text(1 + *target.disagreement, 3) +
                         " times that of the law through the minima.");
    }
    if (target.overestimate && target.overestimate->waste.wasted_share > kNotableWaste) {
      warnings.push_back(at_target(target) + "the optimal size may be " +
                         rounded_text(target.overestimate->waste.size_ratio, 3) +
                         " times smaller than predicted, which would waste " +
                         percent_text(target.overestimate->waste.wasted_share) +
                         " of the compute.");
    }
  }
}

}  // namespace isoflop
