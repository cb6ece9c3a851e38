// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "fit/warnings.h"

namespace isoflop {
namespace {

// On published sweeps the size found one decade out is 5 to 30 % off, the loss 0.5 to 3 %; a fit
// that does worse on its own hold-out says little about a larger budget.
constexpr double kPoorScaleError = 0.3;
constexpr double kPoorLossError = 0.03;

}  // namespace

void warn_of_holdout(const Fit& fit, Words& warnings) {
  for (const HoldoutScore& score : fit.holdout) {
    const bool poor_scale = std::abs(score.scale_error) > kPoorScaleError;
    const bool poor_loss = std::abs(score.loss_error) > kPoorLossError;
    if (!poor_scale && !poor_loss) continue;
    warnings.push_back("Hold-out, " + score.method + ", " + rounded_text(score.ratio, 3) +
                       " times the compute: optimal size off by " +
                       percent_text(score.scale_error) + ", loss by " +
                       percent_text(score.loss_error) + ".");
  }
  if (fit.scale_opt.usable() && fit.holdout.empty()) {
    warnings.emplace_back(
        "No hold-out: 4 budgets with a bracketed minimum are needed to predict one "
        "from the others.");
  }
}

}  // namespace isoflop
