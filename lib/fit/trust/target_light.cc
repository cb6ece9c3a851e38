// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "fit/estimate/words.h"
#include "fit/forms/form_fit.h"
#include "fit/trust/predict_targets.h"
#include "fit/trust/sample_size.h"

namespace isoflop {
namespace {

const HoldoutSummary* summary_of(const Fit& fit, const std::string& method) {
  for (const HoldoutSummary& summary : fit.holdout_summary) {
    if (summary.method == method) return &summary;
  }
  return nullptr;
}

/// What speaks against the hold-outs of what makes most of the headline; empty: nothing.
std::string missing_evidence(const Fit& fit, const std::string& method) {
  const HoldoutSummary* summary = summary_of(fit, method);
  if (summary == nullptr) return "no budget to hold out";
  const auto missed = [](const char* what, double per_decade) {
    return std::string("hold-outs miss the ") + what + " by " + percent_text(per_decade) +
           " per decade";
  };
  if (summary->misses_scale) return missed("size", summary->median_per_decade.scale);
  if (summary->misses_loss) return missed("loss", summary->median_per_decade.loss);
  return "";
}

/// What makes any answer red: errors that no interval holds.
std::vector<std::string> common_errors(const Fit& fit, const std::string& method) {
  std::vector<std::string> reasons;
  if (!fit.pooled.empty()) {
    reasons.push_back(std::to_string(fit.pooled.size()) + " experiments pooled");
  }
  if (shares_one_trunk(fit.sample_size)) reasons.emplace_back("all points share one trunk");
  if (method == "parametric" && fit.lack_of_fit && fit.lack_of_fit->p < kLackOfFitLevel) {
    reasons.emplace_back("the surface is not what the points follow");
  }
  return reasons;
}

}  // namespace

std::string headline_method(const Fit& fit, const Target& target) {
  const bool has_posterior = target.estimates.back().method == "posterior";
  return has_posterior && fit.forecast_weights.scale_surface <= 0.5 ? "posterior" : "parametric";
}

void set_light(const Fit& fit, Target& target) {
  const std::string method = headline_method(fit, target);
  const std::vector<std::string> common = common_errors(fit, method);
  target.light = extrapolation_light(target.ratio);
  if (target.light != ExtrapolationLight::ok) {
    target.light_reasons.push_back(rounded_text(target.ratio, 3) + "x beyond the data");
  }
  const std::string missing = missing_evidence(fit, method);
  if (!missing.empty() && target.ratio > 1) {
    target.light_reasons.push_back(missing);
    target.light = target.light == ExtrapolationLight::ok
                       ? ExtrapolationLight::caution
                       : ExtrapolationLight::only_with_holdout_evidence;
  }
  if (common.empty()) return;
  target.light = ExtrapolationLight::only_with_holdout_evidence;
  target.light_reasons.insert(target.light_reasons.end(), common.begin(), common.end());
}

}  // namespace isoflop
