// SPDX-License-Identifier: Apache-2.0
#include "fit/anneal/annealing_warnings.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kSamePeak = 0.01;   // in ln
constexpr double kFarReach = 4;      // in S1
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
  for (const std::string& parameter : fit.at_bound) {
    warnings.push_back(parameter + " is at its bound: the curves do not tell it");
  }
  if (fit.no_decay.empty() && fit.intervals.size() == 4 && fit.intervals[3].high < 0) {
    warnings.push_back("C is below 0: losses rise with the decay, which no decay is for");
  }
  add_reach(fit, warnings);
  return warnings;
}

}  // namespace isoflop
