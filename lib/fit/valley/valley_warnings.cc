// SPDX-License-Identifier: Apache-2.0
#include "fit/valley/valley_warnings.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/valley/isoflop_fit.h"

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

/// What is wrong with one budget after another.
class BudgetWords {
 public:
  void add(const std::string& kind, double budget, double badness, const std::string& what) {
    words_.add(kind, {"budget ", rounded_text(budget, 3), ": " + what, badness});
  }
  void append_to(Words& warnings) const { words_.append_to(warnings); }

 private:
  WordsByPlace words_;
};

// What makes the minimum itself doubtful, of a valley that is in the laws.
void warn_of_minimum(const Valley& valley, std::optional<double> seed_noise, BudgetWords& words) {
  const double scatter = valley.residual_rms / valley.loss_opt;
  if (const double rise = rise_within_window(valley); rise < kLeastRise * valley.residual_rms) {
    words.add("flat", valley.budget, valley.residual_rms / rise,
              "the curve rises over its sizes by " + percent_text(rise / valley.loss_opt) +
                  ", little beside its scatter of " + percent_text(scatter) +
                  "; run sizes farther from the optimum.");
  }
  if (valley.ln_scale_se > kNotableError) {
    words.add("error", valley.budget, valley.ln_scale_se,
              "the standard error of the optimal size is " + percent_text(valley.ln_scale_se) +
                  "; run more sizes or seeds.");
  }
  const double distance = std::abs(valley.best_cell_distance());
  if (distance > kFarFromBest * spacing(valley)) {
    words.add("far", valley.budget, distance,
              "the optimal size is " + rounded_text(std::exp(valley.best_cell_distance()), 3) +
                  " times the best size that was run; a parabola does not describe the curve, or "
                  "the best run was lucky: run the sizes between.");
  }
  if (seed_noise && scatter > kStructure * *seed_noise) {
    words.add("structure", valley.budget, scatter,
              "losses scatter about the parabola by " + percent_text(scatter) +
                  ", between seeds by " + percent_text(*seed_noise) +
                  ": the curve is not a parabola, or sizes were not trained alike.");
  }
}

}  // namespace

void warn_of_narrow_budgets(std::span<const double> budgets, Words& warnings) {
  BudgetWords words;
  for (const double budget : budgets) {
    words.add("narrow", budget, 0,
              "its sizes lie within a factor of " + rounded_text(kLeastSizeRange, 3) +
                  ", which makes no curve; run sizes farther apart.");
  }
  words.append_to(warnings);
}

void warn_of_valleys(std::span<const Valley> valleys, std::span<const BudgetGroup> curves,
                     std::optional<double> seed_noise, Words& warnings) {
  BudgetWords words;
  const Valley* previous = nullptr;
  for (const Valley& valley : valleys) {
    const auto group = std::find_if(curves.begin(), curves.end(), [&](const BudgetGroup& g) {
      return g.budget == valley.budget;
    });
    const std::string complaint = valley_complaint(valley, *group);
    if (!complaint.empty()) {
      words.add(complaint, valley.budget, 0, complaint + ". Left out of the laws.");
      continue;
    }
    if (valley.compute_spread > kComputeSpread) {
      words.add("spread", valley.budget, valley.compute_spread,
                "the runs' computes differ by " + percent_text(valley.compute_spread - 1) +
                    "; more than 1 % tilts the curve.");
    }
    if (valley.usable()) warn_of_minimum(valley, seed_noise, words);
    if (const double bias = std::abs(valley.predicted_bias); bias > kNotableBias) {
      words.add("bias", valley.budget, bias,
                "on the fitted surface a parabola over these sizes misses the optimal size by " +
                    percent_text(valley.predicted_bias) + ".");
    }
    if (previous != nullptr && valley.loss_opt >= previous->loss_opt) {
      words.add("no gain", valley.budget, valley.loss_opt / previous->loss_opt,
                "the best loss is no lower than at " + rounded_text(previous->budget, 3) +
                    "; runs too short, badly tuned or too noisy.");
    }
    previous = &valley;
  }
  words.append_to(warnings);
}

void warn_of_disagreement(std::span<const EstimatorDisagreement> disagreement, Words& warnings) {
  WordsByPlace words;
  for (const EstimatorDisagreement& entry : disagreement) {
    if (entry.largest_ln_ratio <= kNotableDisagreement) continue;
    const bool beyond = entry.extrapolation > 1;
    const std::string differ =
        std::to_string(entry.n_estimators) +
        " estimators of the optimal size differ by a factor of up to " +
        rounded_text(std::exp(entry.largest_ln_ratio), 3) +
        "; the forecast's interval says what is left of that, more budgets settle it.";
    if (beyond) {
      words.add("laws", {"", rounded_text(entry.extrapolation, 3) + " times the largest budget",
                         ": the laws of " + differ, entry.largest_ln_ratio});
    } else {
      words.add("minima", {"Compute ", rounded_text(entry.compute, 3), ": " + differ,
                           entry.largest_ln_ratio});
    }
  }
  words.append_to(warnings);
}

}  // namespace isoflop
