// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/trust/holdout.h"
#include "fit/trust/trust_warnings.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

double beyond_chance(double error, double found_ln_se) {
  return std::abs(std::log1p(error)) > kNormal90 * found_ln_se ? std::abs(error) : 0;
}

// Above 1: worse than on published sweeps.
double badness(const HoldoutScore& score) {
  const double scale = beyond_chance(score.scale_error, score.found_ln_scale_se);
  const double loss =
      score.judges_loss ? beyond_chance(score.loss_error, score.found_ln_loss_se) : 0;
  return std::max(scale / kPoorScaleError, loss / kPoorLossError);
}

/// The score of a method that is furthest off, if it is poor.
const HoldoutScore* worst_of(const Fit& fit, const std::string& method) {
  const HoldoutScore* worst = nullptr;
  for (const HoldoutScore& score : fit.holdout) {
    if (score.method != method || !(badness(score) > 1)) continue;
    if (worst == nullptr || badness(score) > badness(*worst)) worst = &score;
  }
  return worst;
}

}  // namespace

void warn_of_holdout(const Fit& fit, Words& warnings) {
  for (const HoldoutSummary& summary : fit.holdout_summary) {
    const HoldoutScore* score = worst_of(fit, summary.method);
    if (score == nullptr) continue;
    warnings.push_back("Hold-out, " + estimator_name(score->method) + ", " +
                       rounded_text(score->ratio, 3) + " times the compute: optimal size off by " +
                       percent_text(score->scale_error) + ", tokens by " +
                       percent_text(score->tokens_error) + ", loss by " +
                       percent_text(score->loss_error) + "; the forecast weighs it by that.");
  }
  if (fit.scale_opt.usable() && fit.holdout.empty()) {
    warnings.emplace_back(
        "No hold-out: 4 budgets with a bracketed minimum are needed to predict one "
        "from the others.");
  }
}

}  // namespace isoflop
