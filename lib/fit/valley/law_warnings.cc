// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/valley/valley_warnings.h"

namespace isoflop {
namespace {

constexpr double kShortRange = 10;  // largest / smallest budget
constexpr double kExponentSum = 0.02;
constexpr double kLeaveOneOut = 0.05;  // of the exponent
constexpr double kCurvatureLevel = 0.05;
constexpr double kDriftBias = 0.01;   // of the exponent, by the surface
constexpr double kCentreDrift = 0.1;  // of ln size per e-fold of compute, where there is none

double median_error(std::span<const Valley> valleys) {
  std::vector<double> errors;
  for (const Valley& valley : valleys) {
    if (valley.usable()) errors.push_back(valley.ln_scale_se);
  }
  std::sort(errors.begin(), errors.end());
  return errors[errors.size() / 2];
}

std::string three(double value) { return rounded_text(value, 3); }

void warn_of_drift(const LawChecks& checks, Words& warnings) {
  if (checks.drift_bias && std::abs(*checks.drift_bias) > kDriftBias) {
    warnings.push_back(
        "The sizes' centre drifts against the optimum by " + three(*checks.centre_drift) +
        " per e-fold of compute; on the fitted surface the parabolas then add " +
        three(*checks.drift_bias) + " to the exponent; centre each budget's sizes on its optimum.");
  } else if (!checks.drift_bias && checks.centre_drift &&
             std::abs(*checks.centre_drift) > kCentreDrift) {
    warnings.push_back(
        "The sizes' centre drifts against the optimum by " + three(*checks.centre_drift) +
        " per e-fold of compute, which biases the exponent; centre each budget's sizes "
        "on its optimum.");
  }
}

void warn_of_checks(const LawChecks& checks, double exponent, Words& warnings) {
  if (std::abs(checks.exponent_sum - 1) > kExponentSum) {
    warnings.push_back(
        "The exponents of size and tokens add up to " + rounded_text(checks.exponent_sum, 4) +
        ", not to 1: compute is not proportional to their product; check compute and "
        "the convention of the sizes.");
  }
  const Interval range = checks.leave_one_out.value_or(Interval{exponent, exponent});
  if (std::max(range.high - exponent, exponent - range.low) > kLeaveOneOut) {
    warnings.push_back("Without one of the budgets the exponent is anything from " +
                       three(range.low) + " to " + three(range.high) + "; " +
                       three(checks.leave_one_out_compute) +
                       " moves it most: look at that budget.");
  }
  if (checks.curvature_p && *checks.curvature_p < kCurvatureLevel) {
    warnings.push_back(
        "Optimal sizes bend away from a power law (p = " + rounded_text(*checks.curvature_p, 2) +
        "): the exponent changes with compute; do not extrapolate by one.");
  }
  warn_of_drift(checks, warnings);
}

}  // namespace

void warn_of_allocation(const AllocationEvidence& evidence, Words& warnings) {
  if (evidence.valleys.empty()) {
    warnings.emplace_back(
        "No budget has the 5 sizes that make an iso-FLOP curve: no allocation law.");
    return;
  }
  if (evidence.incredible_bias) {
    warnings.push_back("On the fitted surface the parabolas miss an optimal size by a factor of " +
                       three(std::exp(std::abs(*evidence.incredible_bias))) +
                       ", beyond the sizes they were fitted to: surface and curves contradict each "
                       "other, and no minimum is corrected.");
  }
  if (!evidence.scale_opt.usable() && evidence.scale_opt.n_points >= 3) {
    warnings.push_back("The minima of " + std::to_string(evidence.scale_opt.n_points) +
                       " budgets leave the exponent open: no allocation law.");
    return;
  }
  if (!evidence.scale_opt.usable()) {
    warnings.push_back("An allocation law needs 3 budgets with a bracketed minimum; there are " +
                       std::to_string(evidence.scale_opt.n_points) + ".");
    return;
  }
  if (evidence.compute_to < 0.99 * kShortRange * evidence.compute_from) {
    warnings.push_back("The budgets span a factor of " +
                       rounded_text(evidence.compute_to / evidence.compute_from, 3) +
                       "; an exponent needs a decade, better 2.5.");
  }
  const double noise = median_error(evidence.valleys);
  if (evidence.scale_opt.tau > noise) {
    warnings.push_back("Optimal sizes scatter around their law by " +
                       percent_text(evidence.scale_opt.tau) +
                       " beyond what the noise of the curves explains (" + percent_text(noise) +
                       "); the intervals include it, and more budgets narrow them.");
  }
  if (evidence.checks) warn_of_checks(*evidence.checks, evidence.scale_opt.law.exponent, warnings);
  if (!evidence.frontier) {
    warnings.emplace_back("The best loss does not fall with compute: no frontier, no forecast.");
  } else if (evidence.scale_opt.n_points < 4) {
    warnings.emplace_back(
        "The loss frontier through 3 budgets has no floor, which takes 4: its forecasts are too "
        "low "
        "far beyond the data; the surface's are not.");
  } else if (evidence.frontier->irreducible == 0 && evidence.scale_opt.n_points >= 4) {
    warnings.emplace_back(
        "The loss frontier fits best with E = 0: its floor is not identified; add budgets "
        "before you extrapolate the loss.");
  }
}

}  // namespace isoflop
