// SPDX-License-Identifier: Apache-2.0
#include "isoflop/fit.h"
#include "isoflop/shape_rules.h"

namespace isoflop {
namespace {

/// A law's allocation is in FLOPs per token. Sizes in parameters go by M = 6 N where that is how
/// compute was counted, else by M = C / D.
AllocationLaw law_of_split(const Fit& fit) {
  AllocationLaw law{.flops_per_token = fit.scale_opt.law, .tokens = fit.tokens_opt.law};
  if (fit.scale == LossLaw::Scale::flops_per_token) return law;
  if (is_six_n(fit.frame.convention)) {
    law.flops_per_token.coefficient *= 6;
  } else {
    law.flops_per_token = {1 / law.tokens.coefficient, 1 - law.tokens.exponent};
  }
  return law;
}

constexpr char kAssumedConvention[] =
    "The points state parameters without saying which: all of them are taken to be meant, C = 6 N "
    "D "
    "(six_n_total); fit --convention six_n1_actual is for counts without embeddings";

std::optional<Interval> over_value(const Estimated& estimated) {
  if (!estimated.interval || !(estimated.value > 0)) return std::nullopt;
  return Interval{estimated.interval->low / estimated.value,
                  estimated.interval->high / estimated.value};
}

/// Of the estimator that makes the headline, and so the law. A frontier has its own interval.
std::optional<Evidence> evidence_of(const Fit& fit) {
  if (fit.along.empty()) return std::nullopt;
  Evidence evidence;
  for (const HoldoutSummary& summary : fit.holdout_summary) {
    if (summary.method != fit.along.front().estimates.front().method) continue;
    evidence.holdout = {.n_scores = summary.n_scores,
                        .largest_ratio = summary.largest_ratio,
                        .size_per_decade = summary.median_per_decade.scale,
                        .loss_per_decade = summary.median_per_decade.loss,
                        .is_poor = summary.is_poor};
  }
  for (const Target& target : fit.along) {
    LawIntervals interval{.ratio = target.ratio, .size = over_value(target.scale)};
    if (!fit.frontier) interval.loss = over_value(target.estimates.front().loss);
    evidence.intervals.push_back(interval);
  }
  return evidence;
}

bool has_law(const PowerLawFit& fit) { return fit.usable() || fit.exponent_assumed; }

}  // namespace

Law to_law(const Fit& fit, const std::string& id, const std::string& source) {
  Law law;
  law.id = id;
  law.source = source;
  law.frame = fit.frame;
  if (fit.convention_assumed) law.note = kAssumedConvention;
  law.vocab_size = fit.vocab_size;
  law.seq_len = fit.seq_len;
  law.fitted_from = Flops(fit.compute_from);
  law.fitted_to = Flops(fit.compute_to);
  if (fit.scale_opt.usable() && fit.tokens_opt.usable()) law.allocation = law_of_split(fit);
  law.frontier = fit.frontier;
  if (fit.parametric && fit.parametric->usable() && fit.parametric->law.a > 0 &&
      fit.parametric->law.b > 0) {
    law.loss = fit.parametric->law;
  }
  law.evidence = evidence_of(fit);
  if (!fit.hyper) return law;
  const HyperFit& hyper = *fit.hyper;
  if (has_law(hyper.batch_tokens) && has_law(hyper.peak_lr)) {
    law.hyper = HyperLaw{hyper.batch_tokens.law, hyper.peak_lr.law};
    if (!hyper.cells.empty() && hyper.cells.back().compute < fit.compute_to) {
      law.hyper->fitted_to = Flops(hyper.cells.back().compute);
    }
    if (hyper.batch_tokens.exponent_assumed || hyper.peak_lr.exponent_assumed) {
      law.source += "; exponents of batch size and learning rate assumed, not fitted";
    }
  }
  if (hyper.peak_lr_nd && hyper.batch_tokens_d) {
    law.hyper_nd = HyperLawNd{.batch_tokens = *hyper.batch_tokens_d, .peak_lr = *hyper.peak_lr_nd};
  }
  return law;
}

}  // namespace isoflop
