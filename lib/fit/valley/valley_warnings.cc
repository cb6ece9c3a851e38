// SPDX-License-Identifier: Apache-2.0
#include "fit/valley/valley_warnings.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kNotableBias = 0.1;
constexpr double kNotableError = 0.2;  // of ln scale: what costs 1.2 % of compute if it is true
constexpr double kNotableDisagreement = 0.2;  // of ln scale
constexpr double kComputeSpread = 1.01;       // +- 0.5 % about the budget
constexpr double kStructure = 3;              // residual rms / noise between seeds
constexpr double kLeastRise = 3;              // of the parabola at the window's end / residual rms
constexpr double kFarFromBest = 1.5;          // of the sizes' spacing

bool lies_at_small_end(const Valley& valley, const BudgetGroup& group) {
  const auto& samples = group.samples;
  const std::size_t best = best_index(samples);
  if (best == 0) return true;
  if (best + 1 == samples.size()) return false;
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

// How far the parabola rises from the middle of its window to the end.
double rise_within_window(const Valley& valley) {
  const double half = 0.5 * std::log(valley.fitted_scale.high / valley.fitted_scale.low);
  return 0.5 * valley.curvature * half * half;
}

double spacing(const Valley& valley) {
  return std::log(valley.fitted_scale.high / valley.fitted_scale.low) /
         static_cast<double>(valley.n_fitted - 1);
}

// What makes the minimum itself doubtful, of a valley that is in the laws.
void warn_of_minimum(const Valley& valley, std::optional<double> seed_noise, Words& warnings) {
  const std::string where = at_budget(valley.budget);
  if (rise_within_window(valley) < kLeastRise * valley.residual_rms) {
    warnings.push_back(where + "the curve rises over its sizes by " +
                       percent_text(rise_within_window(valley) / valley.loss_opt) +
                       ", little beside its scatter of " +
                       percent_text(valley.residual_rms / valley.loss_opt) +
                       "; run sizes farther from the optimum.");
  }
  if (valley.ln_scale_se > kNotableError) {
    warnings.push_back(where + "the standard error of the optimal size is " +
                       percent_text(valley.ln_scale_se) + ".");
  }
  if (std::abs(valley.best_cell_distance()) > kFarFromBest * spacing(valley)) {
    warnings.push_back(where + "the optimal size is " +
                       rounded_text(std::exp(valley.best_cell_distance()), 3) +
                       " times the best size that was run; a parabola does not describe the curve, "
                       "or the best run was lucky.");
  }
  const double scatter = valley.residual_rms / valley.loss_opt;
  if (seed_noise && scatter > kStructure * *seed_noise) {
    warnings.push_back(where + "losses scatter about the parabola by " + percent_text(scatter) +
                       ", between seeds by " + percent_text(*seed_noise) +
                       ": the curve is not a parabola, or sizes were not trained alike.");
  }
}

}  // namespace

void warn_of_valleys(std::span<const Valley> valleys, std::span<const BudgetGroup> curves,
                     std::optional<double> seed_noise, Words& warnings) {
  const Valley* previous = nullptr;
  for (const Valley& valley : valleys) {
    const auto group = std::find_if(curves.begin(), curves.end(), [&](const BudgetGroup& g) {
      return g.budget == valley.budget;
    });
    const std::string complaint = valley_complaint(valley, *group);
    if (!complaint.empty()) {
      warnings.push_back(at_budget(valley.budget) + complaint + ". Left out of the laws.");
      continue;
    }
    if (valley.compute_spread > kComputeSpread) {
      warnings.push_back(at_budget(valley.budget) + "the runs' computes differ by " +
                         percent_text(valley.compute_spread - 1) +
                         "; more than 1 % tilts the curve.");
    }
    if (valley.usable()) warn_of_minimum(valley, seed_noise, warnings);
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

void warn_of_disagreement(std::span<const EstimatorDisagreement> disagreement, Words& warnings) {
  for (const EstimatorDisagreement& entry : disagreement) {
    if (entry.largest_ln_ratio <= kNotableDisagreement) continue;
    const std::string where =
        entry.extrapolation > 1
            ? rounded_text(entry.extrapolation, 3) + " times the largest budget: the laws of "
            : "Compute " + rounded_text(entry.compute, 3) + ": ";
    warnings.push_back(where + std::to_string(entry.n_estimators) +
                       " estimators of the optimal size differ by a factor of up to " +
                       rounded_text(std::exp(entry.largest_ln_ratio), 3) + ".");
  }
}

}  // namespace isoflop
