// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "fit/trust/predict_targets.h"
#include "isoflop/fit.h"
#include "isoflop/shape_rules.h"
#include "stats/statistics.h"

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

std::optional<Interval> over(double value, const Estimated& estimated) {
  if (!estimated.interval) return std::nullopt;
  const Interval interval{estimated.interval->low / value, estimated.interval->high / value};
  // So wide an interval says nothing, and law files hold none.
  if (!(interval.low > 1e-12 && interval.high < 1e12)) return std::nullopt;
  return interval;
}

/// Of the loss of one run there, which has its luck.
Estimated of_a_run(const Estimated& loss, const std::optional<double>& run_noise) {
  if (!loss.interval || !run_noise) return loss;
  const double luck = kNormal90 * *run_noise;
  const auto [low, high] = *loss.interval;
  return {loss.value,
          Interval{loss.value * std::exp(-std::hypot(std::log(loss.value / low), luck)),
                   loss.value * std::exp(std::hypot(std::log(high / loss.value), luck))}};
}

/// The one forecast, over the law's own values.
std::optional<Evidence> evidence_of(const Fit& fit) {
  if (fit.along.empty()) return std::nullopt;
  Evidence evidence;
  for (const HoldoutSummary& summary : fit.holdout_summary) {
    if (summary.method != headline_method(fit, fit.along.front())) continue;
    evidence.holdout = {.n_scores = summary.n_scores,
                        .largest_ratio = summary.largest_ratio,
                        .size_per_decade = summary.median_per_decade.scale,
                        .loss_per_decade = summary.median_per_decade.loss,
                        .is_poor = summary.is_poor()};
  }
  for (const Target& target : fit.along) {
    const TargetEstimate& own = target.estimates.front();
    LawIntervals at{.ratio = target.ratio};
    if (own.scale.value > 0) {
      at.size_median = target.scale.value / own.scale.value;
      at.size = over(own.scale.value, target.scale);
    }
    if (own.loss.value > 0 && target.loss.value > 0) {
      at.loss_median = target.loss.value / own.loss.value;
      at.loss = over(own.loss.value, of_a_run(target.loss, fit.sample_size.run_noise));
    }
    evidence.intervals.push_back(at);
  }
  return evidence;
}

bool has_law(const PowerLawFit& fit) {
  return (fit.usable() || fit.exponent_assumed) && fit.law.coefficient > 0;
}

/// Whether the interval of N's exponent leaves out 0 and, with the largest cell left out, the law
/// in N and D meets it no worse than that in D alone.
bool params_matter(const HyperFormFit& with_params, const HyperFormFit& without) {
  const Interval& exponent = with_params.exponent_params;
  if (exponent.low <= 0 && exponent.high >= 0) return false;
  if (!with_params.holdout || !without.holdout) return false;
  return std::abs(with_params.holdout->ln_error) <= std::abs(without.holdout->ln_error);
}

HyperLawNd::Form batch_form(const HyperFit& hyper) {
  if (!hyper.batch_tokens_nd || hyper.estimates.empty()) return *hyper.batch_tokens_d;
  const HyperEstimate& own = hyper.estimates.front();
  if (!own.batch_tokens_d) return *hyper.batch_tokens_d;
  return params_matter(*hyper.batch_tokens_nd, *own.batch_tokens_d) ? hyper.batch_tokens_nd->form
                                                                    : *hyper.batch_tokens_d;
}

void widen(std::optional<Interval>& range, double value) {
  if (!range) range = Interval{value, value};
  range->low = std::min(range->low, value);
  range->high = std::max(range->high, value);
}

void note_grids(const HyperFit& hyper, TunedOn& tuned_on) {
  for (const HyperCell& cell : hyper.cells) {
    widen(tuned_on.params, cell.params);
    widen(tuned_on.tokens, cell.tokens);
    widen(tuned_on.tokens_per_param, cell.tokens / cell.params);
  }
}

void note_slices(const WeightDecayFit& fit, TunedOn& tuned_on) {
  for (const DecaySlice& slice : fit.slices) {
    if (!slice.usable()) continue;
    widen(tuned_on.params, slice.params);
    widen(tuned_on.tokens, slice.tokens);
    widen(tuned_on.tokens_per_param, slice.tokens / slice.params);
    widen(tuned_on.weight_decay, slice.tried.low);
    widen(tuned_on.weight_decay, slice.tried.high);
  }
}

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
  if (fit.weight_decay && has_law(fit.weight_decay->timescale)) {
    law.weight_decay = WeightDecayLaw{fit.weight_decay->timescale.law};
    note_slices(*fit.weight_decay, law.tuned_on);
  }
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
    law.hyper_nd = HyperLawNd{.batch_tokens = batch_form(hyper), .peak_lr = *hyper.peak_lr_nd};
  }
  if (hyper.peak_lr_at_batch) law.peak_lr_at_batch = hyper.peak_lr_at_batch->law;
  if (law.peak_lr_at_batch || law.hyper_nd) note_grids(hyper, law.tuned_on);
  return law;
}

}  // namespace isoflop
