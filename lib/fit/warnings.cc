// SPDX-License-Identifier: Apache-2.0
#include "fit/warnings.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/parabola.h"

namespace isoflop {
namespace {

// On published sweeps the size found one decade out is 5 to 30 % off, the loss 0.5 to 3 %; a fit
// that does worse on its own hold-out says little about a larger budget.
constexpr double kPoorScaleError = 0.3;
constexpr double kPoorLossError = 0.03;
constexpr double kNotableBias = 0.1;
constexpr double kShortRange = 10;  // largest / smallest budget

using Words = std::vector<std::string>;

std::string percent(double ratio) { return rounded_text(100 * ratio, 2) + " %"; }
std::string at(double budget) { return "budget " + rounded_text(budget, 3) + ": "; }

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

void warn_of_valleys(const Fit& fit, std::span<const BudgetGroup> groups, Words& warnings) {
  const Valley* previous = nullptr;
  for (const Valley& valley : fit.valleys) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const BudgetGroup& g) {
      return g.budget == valley.budget;
    });
    const std::string complaint = valley_complaint(valley, *group);
    if (!complaint.empty()) {
      warnings.push_back(at(valley.budget) + complaint + ". Left out of the laws.");
      continue;
    }
    if (std::abs(valley.predicted_bias) > kNotableBias) {
      warnings.push_back(at(valley.budget) + "on the fitted surface a parabola over these sizes " +
                         "misses the optimal size by " + percent(valley.predicted_bias) + ".");
    }
    if (previous != nullptr && valley.loss_opt >= previous->loss_opt) {
      warnings.push_back(at(valley.budget) + "the best loss is no lower than at " +
                         rounded_text(previous->budget, 3) +
                         "; runs too short, badly tuned or too noisy.");
    }
    previous = &valley;
  }
}

double median_error(std::span<const Valley> valleys) {
  std::vector<double> errors;
  for (const Valley& valley : valleys) {
    if (valley.usable()) errors.push_back(valley.ln_scale_se);
  }
  std::sort(errors.begin(), errors.end());
  return errors[errors.size() / 2];
}

void warn_of_allocation(const Fit& fit, Words& warnings) {
  if (fit.valleys.empty()) {
    warnings.emplace_back(
        "No budget has the 5 sizes that make an iso-FLOP curve: no allocation law.");
    return;
  }
  if (!fit.scale_opt.usable()) {
    warnings.push_back("An allocation law needs 3 budgets with a bracketed minimum; there are " +
                       std::to_string(fit.scale_opt.n_points) + ".");
    return;
  }
  if (fit.compute_to < 0.99 * kShortRange * fit.compute_from) {
    warnings.push_back("The budgets span a factor of " +
                       rounded_text(fit.compute_to / fit.compute_from, 3) +
                       "; an exponent needs a decade, better 2.5.");
  }
  const double noise = median_error(fit.valleys);
  if (fit.scale_opt.tau > noise) {
    warnings.push_back("Optimal sizes scatter around their law by " + percent(fit.scale_opt.tau) +
                       " beyond what the noise of the curves explains (" + percent(noise) +
                       "); the intervals include it.");
  }
  if (!fit.frontier) {
    warnings.emplace_back("The best loss does not fall with compute: no frontier, no forecast.");
  } else if (fit.frontier->irreducible == 0 && fit.scale_opt.n_points >= 4) {
    warnings.emplace_back("The loss frontier fits best with E = 0: its floor is not identified.");
  }
}

void warn_of_surface(const Fit& fit, Words& warnings) {
  if (!fit.parametric) return;
  const ParametricFit& surface = *fit.parametric;
  if (surface.status == FitStatus::not_converged) {
    warnings.emplace_back(
        "The parametric surface did not converge; its numbers are not an optimum.");
  }
  if (!surface.at_bound.empty()) {
    warnings.push_back("Parametric surface: " + join(surface.at_bound, ", ") +
                       " at the bound; the points do not identify it.");
  }
  if (10 * surface.n_starts_agreeing < surface.n_starts) {
    warnings.push_back("Parametric surface: only " + std::to_string(surface.n_starts_agreeing) +
                       " of " + std::to_string(surface.n_starts) + " starts found the optimum.");
  }
  if (surface.n_bootstrap_failed > 0) {
    warnings.push_back("Parametric surface: " + std::to_string(surface.n_bootstrap_failed) +
                       " of " + std::to_string(surface.n_bootstrap) +
                       " resamples did not converge.");
  }
  if (fit.scale_opt.usable() && surface.usable() &&
      (surface.a_exponent < fit.scale_opt.exponent.low ||
       surface.a_exponent > fit.scale_opt.exponent.high)) {
    warnings.push_back("The estimators disagree: iso-FLOP minima give the size exponent " +
                       rounded_text(fit.scale_opt.law.exponent, 3) + ", the surface " +
                       rounded_text(surface.a_exponent, 3) + ", outside the 90 % interval.");
  }
}

void warn_of_hyper(const Fit& fit, Words& warnings) {
  if (!fit.hyper) return;
  const HyperFit& hyper = *fit.hyper;
  const auto warn_if_assumed = [&](const char* name, const PowerLawFit& law) {
    if (!law.exponent_assumed) return;
    warnings.push_back(std::string(name) + ": " + std::to_string(hyper.n_cells) +
                       (hyper.n_cells == 1 ? " grid does" : " grids do") +
                       " not determine the exponent; assumed " + rounded_text(law.law.exponent) +
                       ", the coefficient is fitted.");
  };
  warn_if_assumed("Batch size", hyper.batch_tokens);
  warn_if_assumed("Learning rate", hyper.peak_lr);
  if (hyper.noise && hyper.band < 4 * *hyper.noise) {
    warnings.push_back("Runs of the grids scatter by " + rounded_text(100 * *hyper.noise, 2) +
                       " % about smooth surfaces; the near-optimal band is " +
                       rounded_text(100 * hyper.band, 2) + " %.");
  }
  for (const HyperCell& cell : hyper.cells) {
    Words edges;
    if (cell.batch_at_edge) edges.emplace_back("batch sizes");
    if (cell.peak_lr_at_edge) edges.emplace_back("learning rates");
    if (!edges.empty()) {
      warnings.push_back(at(cell.budget) + "near-optimal " + join(edges, " and ") +
                         " reach the edge of the grid; widen it.");
    }
  }
  if (hyper.n_cells >= 4 && !hyper.peak_lr_nd) {
    warnings.emplace_back(
        "Learning rate: the grids lie on one line in (ln N, ln D), so that a law "
        "in N and D cannot be told from one in C.");
  }
}

void warn_of_holdout(const Fit& fit, Words& warnings) {
  for (const HoldoutScore& score : fit.holdout) {
    const bool poor_scale = std::abs(score.scale_error) > kPoorScaleError;
    const bool poor_loss = std::abs(score.loss_error) > kPoorLossError;
    if (!poor_scale && !poor_loss) continue;
    warnings.push_back("Hold-out, " + score.method + ", " + rounded_text(score.ratio, 3) +
                       " times the compute: optimal size off by " + percent(score.scale_error) +
                       ", loss by " + percent(score.loss_error) + ".");
  }
  if (fit.scale_opt.usable() && fit.holdout.empty()) {
    warnings.emplace_back(
        "No hold-out: 4 budgets with a bracketed minimum are needed to predict one "
        "from the others.");
  }
}

}  // namespace

std::vector<std::string> collect_warnings(const Fit& fit, std::span<const BudgetGroup> groups) {
  Words warnings;
  warn_of_valleys(fit, groups, warnings);
  warn_of_allocation(fit, warnings);
  warn_of_surface(fit, warnings);
  warn_of_hyper(fit, warnings);
  warn_of_holdout(fit, warnings);
  return warnings;
}

}  // namespace isoflop
