// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.h"
#include "fit/warnings.h"

namespace isoflop {
namespace {

constexpr double kShortRange = 10;  // largest / smallest budget

double median_error(std::span<const Valley> valleys) {
  std::vector<double> errors;
  for (const Valley& valley : valleys) {
    if (valley.usable()) errors.push_back(valley.ln_scale_se);
  }
  std::sort(errors.begin(), errors.end());
  return errors[errors.size() / 2];
}

}  // namespace

void warn_of_allocation(const Fit& fit, Words& warnings) {
  if (fit.valleys.empty()) {
    warnings.emplace_back(
        "No budget has the 5 sizes that make an iso-FLOP curve: no allocation law.");
    return;
  }
  if (!fit.scale_opt.usable()) {
    warnings.push_back("An allocation law needs 3 budgets with a bracketed minimum; there are " +
                       std::to_string(fit.scale_opt.n_points) + ".");
    return;
  }
  if (fit.compute_to < 0.99 * kShortRange * fit.compute_from) {
    warnings.push_back("The budgets span a factor of " +
                       rounded_text(fit.compute_to / fit.compute_from, 3) +
                       "; an exponent needs a decade, better 2.5.");
  }
  const double noise = median_error(fit.valleys);
  if (fit.scale_opt.tau > noise) {
    warnings.push_back("Optimal sizes scatter around their law by " +
                       percent_text(fit.scale_opt.tau) +
                       " beyond what the noise of the curves explains (" + percent_text(noise) +
                       "); the intervals include it.");
  }
  if (!fit.frontier) {
    warnings.emplace_back("The best loss does not fall with compute: no frontier, no forecast.");
  } else if (fit.frontier->irreducible == 0 && fit.scale_opt.n_points >= 4) {
    warnings.emplace_back("The loss frontier fits best with E = 0: its floor is not identified.");
  }
}

}  // namespace isoflop
