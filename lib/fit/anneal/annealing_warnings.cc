// SPDX-License-Identifier: Apache-2.0
#include "fit/anneal/annealing_warnings.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/anneal/annealing_input.h"

namespace isoflop {
namespace {

constexpr double kSamePeak = 0.01;  // in ln
constexpr double kFarReach = 4;     // in S1
constexpr double kFarDecay = 4;     // in steps
constexpr double kMisfitLevel = 0.01;
constexpr double kFarLambdas = 1.0;  // ln of the ratio of 1 / (1 - lambda)

double peak_of(const std::vector<double>& lr) { return *std::max_element(lr.begin(), lr.end()); }

void add_peaks(const std::vector<RateCurve>& curves, const AnnealingOptions& options,
               std::vector<std::string>& warnings) {
  double low = peak_of(curves.front().lr);
  double high = low;
  const auto add = [&](const std::vector<double>& lr) {
    low = std::min(low, peak_of(lr));
    high = std::max(high, peak_of(lr));
  };
  for (const RateCurve& curve : curves) add(curve.lr);
  for (const AnnealingTarget& target : options.targets) add(target.lr);
  if (std::log(high / low) <= kSamePeak) return;
  warnings.push_back("peak rates from " + rounded_text(low) + " to " + rounded_text(high) +
                     " are in one law, which knows of the sum of the rates alone");
}

void add_lambdas(const AnnealingFit& fit, std::vector<std::string>& warnings) {
  if (fit.lambda_given || fit.lambdas_as_good.size() < 2) return;
  const auto [low, high] =
      std::minmax_element(fit.lambdas_as_good.begin(), fit.lambdas_as_good.end());
  if (std::log((1 - *low) / (1 - *high)) <= kFarLambdas) return;
  warnings.push_back("lambda from " + rounded_text(*low) + " to " + rounded_text(*high) +
                     " describe the curves as well: how a decay's length counts is open; longer "
                     "decays, or more lengths of them, tell it");
}

void add_reach(const AnnealingFit& fit, std::vector<std::string>& warnings) {
  double reach = 0;
  for (const AnnealingPrediction& prediction : fit.predictions) {
    reach = std::max(reach, prediction.reach);
  }
  if (reach <= kFarReach) return;
  warnings.push_back("predicts at " + rounded_text(reach, 2) +
                     " times the curves' largest sum of rates: L0 and alpha come from the curves' "
                     "own course alone");
}

/// From the first step below the peak on.
std::int64_t decay_steps(const std::vector<double>& lr) {
  const std::optional<std::int64_t> first = first_decayed_step(lr);
  return first ? static_cast<std::int64_t>(lr.size()) - *first + 1 : 0;
}

void add_lengths(const AnnealingFit& fit, const std::vector<RateCurve>& curves,
                 const AnnealingOptions& options, std::vector<std::string>& warnings) {
  if (!fit.no_decay.empty()) return;
  std::int64_t seen = 0;
  std::int64_t asked = 0;
  for (const RateCurve& curve : curves) seen = std::max(seen, decay_steps(curve.lr));
  for (const AnnealingTarget& target : options.targets) {
    asked = std::max(asked, decay_steps(target.lr));
  }
  if (static_cast<double>(asked) <= kFarDecay * static_cast<double>(seen)) return;
  warnings.push_back("a decay over " + std::to_string(asked) +
                     " steps is forecast from decays of " + std::to_string(seen) +
                     " at most: the interval takes the law's form for granted there");
}

/// Cosine beside decays at the end.
void add_kinds(const std::vector<RateCurve>& curves, const AnnealingOptions& options,
               std::vector<std::string>& warnings) {
  std::string early;
  std::string late;
  const auto add = [&](const std::string& name, const std::vector<double>& lr) {
    const bool is_early = 2 * decay_steps(lr) > static_cast<std::int64_t>(lr.size());
    std::string& first = is_early ? early : late;
    if (first.empty()) first = name;
  };
  for (const RateCurve& curve : curves) add(curve.run, curve.lr);
  for (const AnnealingTarget& target : options.targets) add(target.name, target.lr);
  if (early.empty() || late.empty()) return;
  warnings.push_back(early + " decays for most of its steps, " + late +
                     " does not: the law did not carry over between such runs where it was tried");
}

}  // namespace

std::vector<std::string> annealing_warnings(const AnnealingFit& fit,
                                            const std::vector<RateCurve>& curves,
                                            const AnnealingOptions& options) {
  std::vector<std::string> warnings;
  add_peaks(curves, options, warnings);
  add_lambdas(fit, warnings);
  if (fit.inflation > 1) {
    warnings.push_back("residuals of neighbouring steps agree (r " +
                       rounded_text(fit.autocorrelation, 2) +
                       "): the curves are smoothed, or not of this form; intervals are " +
                       rounded_text(std::sqrt(fit.inflation), 2) + " times as wide");
  }
  if (fit.misfit_p && *fit.misfit_p < kMisfitLevel) {
    warnings.push_back("the law misses the curves by more than their noise (" +
                       rounded_text(*fit.misfit, 3) + " times its variance, F test p " +
                       rounded_text(*fit.misfit_p, 2) +
                       "): intervals take its form for granted; fit curves of one kind of "
                       "schedule, or begin later");
  }
  for (const std::string& parameter : fit.at_bound) {
    warnings.push_back(parameter + " is at its bound: the curves do not tell it");
  }
  if (fit.no_decay.empty() && fit.intervals.size() == 4 && fit.intervals[3].high < 0) {
    warnings.push_back("C is below 0: losses rise with the decay, which no decay is for");
  }
  add_reach(fit, warnings);
  add_kinds(curves, options, warnings);
  add_lengths(fit, curves, options, warnings);
  return warnings;
}

}  // namespace isoflop
