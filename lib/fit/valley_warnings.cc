// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/warnings.h"

namespace isoflop {
namespace {

constexpr double kNotableBias = 0.1;

bool lies_at_small_end(const Valley& valley, const BudgetGroup& group) {
  const auto& samples = group.samples;
  const auto best =
      std::min_element(samples.begin(), samples.end(),
                       [](const Sample& a, const Sample& b) { return a.metric < b.metric; });
  if (best == samples.begin()) return true;
  if (best + 1 == samples.end()) return false;
  const auto lighter = std::count_if(samples.begin(), samples.end(), [&](const Sample& sample) {
    return sample.scale < valley.scale_opt;
  });
  return 2 * lighter < valley.n_points;
}

std::string valley_complaint(const Valley& valley, const BudgetGroup& group) {
  switch (valley.status) {
    case FitStatus::not_convex:
      return "the curve has no minimum (not convex)";
    case FitStatus::not_bracketed:
      return std::string("the minimum is not bracketed; run ") +
             (lies_at_small_end(valley, group) ? "smaller" : "larger") + " models";
    default:
      return "";
  }
}

}  // namespace

void warn_of_valleys(const Fit& fit, std::span<const BudgetGroup> groups, Words& warnings) {
  const Valley* previous = nullptr;
  for (const Valley& valley : fit.valleys) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const BudgetGroup& g) {
      return g.budget == valley.budget;
    });
    const std::string complaint = valley_complaint(valley, *group);
    if (!complaint.empty()) {
      warnings.push_back(at_budget(valley.budget) + complaint + ". Left out of the laws.");
      continue;
    }
    if (std::abs(valley.predicted_bias) > kNotableBias) {
      warnings.push_back(at_budget(valley.budget) +
                         "on the fitted surface a parabola over these sizes " +
                         "misses the optimal size by " + percent_text(valley.predicted_bias) + ".");
    }
    if (previous != nullptr && valley.loss_opt >= previous->loss_opt) {
      warnings.push_back(at_budget(valley.budget) + "the best loss is no lower than at " +
                         rounded_text(previous->budget, 3) +
                         "; runs too short, badly tuned or too noisy.");
    }
    previous = &valley;
  }
}

}  // namespace isoflop
