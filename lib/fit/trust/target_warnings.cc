// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "fit/forms/form_fit.h"
#include "fit/trust/trust_warnings.h"

namespace isoflop {
namespace {

constexpr double kNotableDisagreement = 0.3;  // as much as a poor hold-out
constexpr double kNotableWaste = 0.1;         // of the budget

/// Of one kind at one target or several.
void add(WordsByPlace& words, const std::string& kind, const Target& target, double badness,
         const std::string& what) {
  words.add(kind, {"At ",
                   rounded_text(target.compute, 3) + " FLOPs, " + rounded_text(target.ratio, 3) +
                       " times the largest budget",
                   ", " + what, badness});
}

// Laws through few minima may fall below what no compute goes below.
bool is_below_floor(const Fit& fit, const Target& target) {
  const double loss = target.loss.value;
  const bool is_refuted = fit.lack_of_fit && fit.lack_of_fit->p < kLackOfFitLevel;
  return loss > 0 && fit.parametric && fit.parametric->usable() && !is_refuted &&
         loss < fit.parametric->law.irreducible;
}

}  // namespace

void warn_of_targets(const Fit& fit, Words& warnings) {
  WordsByPlace words;
  for (const Target& target : fit.targets) {
    if (target.light == ExtrapolationLight::only_with_holdout_evidence) {
      add(words, "red", target, target.ratio,
          "a prediction is worth something only with hold-out evidence (" +
              join(target.light_reasons, ", ") + "): run a budget in between.");
    }
    if (is_below_floor(fit, target)) {
      add(words, "floor", target, target.ratio,
          "the predicted loss, " + rounded_text(target.loss.value, 4) +
              ", is below the surface's E = " + rounded_text(fit.parametric->law.irreducible, 4) +
              ", which no compute goes below: one of the two does not hold there; run a budget in "
              "between.");
    }
    if (target.disagreement && std::abs(std::log1p(*target.disagreement)) > kNotableDisagreement) {
      add(words, "disagreement", target, std::abs(std::log1p(*target.disagreement)),
          "the surface's optimal size is " + rounded_text(1 + *target.disagreement, 3) +
              " times that of the law through the minima: plan for the range.");
    }
    if (target.overestimate && target.overestimate->waste.wasted_share > kNotableWaste) {
      add(words, "waste", target, target.overestimate->waste.wasted_share,
          "the optimal size may be " + rounded_text(target.overestimate->waste.size_ratio, 3) +
              " times smaller than predicted, which would waste " +
              percent_text(target.overestimate->waste.wasted_share) +
              " of the compute: narrow it first by `isoflop next`.");
    }
  }
  words.append_to(warnings);
}

}  // namespace isoflop
