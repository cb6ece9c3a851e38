// SPDX-License-Identifier: Apache-2.0
#include "plan/reliability.h"

#include <algorithm>

#include "base/text.h"
#include "isoflop/deadweight.h"
#include "plan/figures.h"

namespace isoflop {
namespace {

std::string misses(const HoldoutEvidence& holdout) {
  return "the size by " + share_text(holdout.size_per_decade) + " and the loss by " +
         share_text(holdout.loss_per_decade) + " per decade";
}

std::string reason_of(const Evidence& evidence, double ratio, bool is_below) {
  if (is_below) return "below the law's smallest budget, where nothing was asked of it";
  if (ratio <= 1 + 1e-9) return "within the law's budgets";
  const std::string reach = rounded_text(ratio, 3) + " times the largest budget";
  if (!evidence.holdout) return reach + ", and none was held out";
  const std::string missed = misses(*evidence.holdout);
  return reach +
         (evidence.holdout->is_poor ? ", and hold-outs were poor: they missed "
                                    : "; hold-outs missed ") +
         missed;
}

/// If the median is trained, and the optimum is at either end.
double worst_waste(const LossLaw& surface, double compute, double median, const Interval& size) {
  return std::max(deadweight(surface, compute, median / size.low).wasted_share,
                  deadweight(surface, compute, median / size.high).wasted_share);
}

}  // namespace

std::optional<Reliability> reliability_of(const Law& law, const Proposal& proposal) {
  if (!law.evidence) return std::nullopt;
  const double ratio = proposal.extrapolation;
  const double shortfall = law.fitted_from ? *law.fitted_from / proposal.compute_budget : 1;
  const bool is_below = shortfall > 1 + 1e-9;
  Reliability reliability{
      .light = extrapolation_light(is_below ? shortfall : ratio, law.evidence->has_good_holdout()),
      .reason = reason_of(*law.evidence, ratio, is_below),
      .holdout = law.evidence->holdout};
  if (is_below) return reliability;  // nobody said anything of such budgets
  const LawIntervals forecast = intervals_at(*law.evidence, ratio);
  const std::optional<Interval>& size = forecast.size;
  if (!size) return reliability;
  const double m = *proposal.law_flops_per_token, d = *proposal.law_tokens;
  reliability.flops_per_token = Interval{m * size->low, m * size->high};
  // At a budget the two have one product.
  reliability.tokens = Interval{d / size->high, d / size->low};
  if (law.loss && has_optimum(*law.loss)) {
    reliability.worst_waste =
        worst_waste(*law.loss, proposal.compute_budget.value(), forecast.size_median, *size);
  }
  return reliability;
}

}  // namespace isoflop
