// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/build_info.h"
#include "base/text.h"
#include "isoflop/report.h"
#include "report/checklist.h"
#include "report/number_text.h"

namespace isoflop {
namespace {

void add_form(Checklist& list, const ReportChapter& chapter) {
  const Fit& fit = *chapter.fit;
  list.section("1. Functional form");
  list.item("Model scale",
            fit.scale == LossLaw::Scale::params ? "N, parameters" : "M, training FLOPs per token");
  list.item("Compute", "C = M D, FLOPs per token by `" +
                           std::string(to_string(fit.frame.convention)) +
                           "`; 6 N D where the points state no M");
  list.item("Iso-FLOP minima", fit.valleys.empty()
                                   ? "none: no budget has enough sizes"
                                   : "parabola of the metric in ln(scale) per budget, around the "
                                     "lowest point; ln(optimum) against ln C by weighted "
                                     "regression with scatter tau between budgets");
  list.item("Surface",
            fit.parametric ? "L = E + A / scale^alpha + B / D^beta" : "none: too few points");
  list.item("Best loss", fit.frontier ? "L*(C) = E + A C^-gamma through the minima" : "none");
}

std::string estimators_text(const Fit& fit) {
  std::vector<std::string> parts;
  for (const ValleyEstimator& estimator : fit.estimators) {
    if (!estimator.scale_opt.usable()) continue;
    parts.push_back(std::string(to_string(estimator.method)) + " " +
                    exponent_text(estimator.scale_opt));
  }
  if (fit.envelope && fit.envelope->usable()) {
    parts.push_back("envelope " + exponent_text(fit.envelope->scale_opt));
  }
  return parts.empty() ? "none" : join(parts, "; ");
}

std::string conventions_text(const ConventionLadder& ladder) {
  const auto [low, high] = std::minmax_element(
      ladder.rows.begin(), ladder.rows.end(), [](const ConventionFit& a, const ConventionFit& b) {
        return a.scale_opt.law.exponent < b.scale_opt.law.exponent;
      });
  if (low == ladder.rows.end()) return "none";
  std::string text = std::to_string(ladder.rows.size()) + " counts of FLOPs refitted: a from " +
                     exponent_text(low->scale_opt.law.exponent) + " (" +
                     std::string(to_string(low->convention)) + ") to " +
                     exponent_text(high->scale_opt.law.exponent) + " (" +
                     std::string(to_string(high->convention)) + ")";
  if (ladder.most_constant) {
    text += "; tokens per parameter are most constant by " +
            std::string(to_string(*ladder.most_constant));
  }
  if (!ladder.assumed.empty()) text += "; assumed: " + join(ladder.assumed, ", ");
  return text;
}

std::string of_parameter(const std::string& name, double value, const Interval& calibrated,
                         const Interval& bootstrap, const ProfileInterval& profile) {
  std::string text = name + " " + rounded_text(value, 4);
  const auto add = [&](const char* kind, const Interval& interval) {
    if (interval.low < interval.high)
      text += ", " + std::string(kind) + " " + interval_text(interval);
  };
  add("calibrated", calibrated);
  add("bootstrap", bootstrap);
  add("profile", profile.interval);
  return text + (profile.identified ? "" : ", not identified");
}

/// The intervals of what a profile was computed of; the calibrated one is the one to quote.
std::string surface_text(const Fit& fit) {
  const ParametricFit& surface = *fit.parametric;
  const SurfaceIntervals calibrated = fit.surface_intervals.value_or(SurfaceIntervals{});
  const SurfaceDiagnostics diagnostics = surface.diagnostics.value_or(SurfaceDiagnostics{});
  return of_parameter("a", surface.a_exponent, calibrated.a, surface.a, diagnostics.profile_a) +
         "; " +
         of_parameter("E", surface.law.irreducible, calibrated.E, surface.E, diagnostics.profile_E);
}

void add_uncertainty(Checklist& list, const Fit& fit) {
  std::string intervals =
      "90 %: Student's t with the scatter tau between budgets for the laws through minima";
  if (fit.scale_opt_uncorrected) {
    intervals += ", which are freed of the bias that the surface predicts for parabolas";
  }
  if (fit.surface_intervals) {
    intervals += "; calibrated for the surface (tau " +
                 rounded_text(fit.surface_intervals->tau, 2) + " from " +
                 std::to_string(fit.surface_intervals->n_budgets) + " budgets, noise of a run " +
                 percent(fit.surface_intervals->noise) +
                 "), beside percentiles of resamples, which hold no tau";
  } else if (fit.parametric) {
    intervals += "; percentiles of resamples for the surface, which hold no tau";
  }
  list.item("Intervals", intervals);
  if (fit.parametric) list.item("Surface, 90 %", surface_text(fit));
  list.item("Estimators of the exponent a", estimators_text(fit));
  list.item("FLOPs conventions", fit.conventions
                                     ? conventions_text(*fit.conventions)
                                     : "not refitted: the points do not state their shapes");
}

void add_fitting(Checklist& list, const ReportChapter& chapter) {
  const Fit& fit = *chapter.fit;
  const FitOptions& options = fit.options;
  list.section("4. Fitting");
  list.item("Objective", std::string(to_string(options.objective)) +
                             (options.objective == ObjectiveKind::mse
                                  ? ""
                                  : ", delta " + rounded_text(options.delta)) +
                             ", summed over points, each of weight 1");
  if (fit.parametric) {
    const ParametricFit& surface = *fit.parametric;
    list.item("Algorithm",
              "global search over alpha and beta, E, A and B inside, then Newton with "
              "exact derivatives; " +
                  std::to_string(surface.n_starts_agreeing) + " of " +
                  std::to_string(surface.n_starts) + " starts end in the optimum");
    list.item("Objective at the optimum", rounded_text(surface.objective_value, 10) + ", status " +
                                              std::string(to_string(surface.status)));
    list.item("Bounds hit", surface.at_bound.empty() ? "none" : join(surface.at_bound, ", "));
    list.item("Resamples", std::to_string(surface.n_bootstrap) + ", of which " +
                               std::to_string(surface.n_bootstrap_failed) +
                               " did not converge; seed " + std::to_string(options.seed));
  }
  add_uncertainty(list, fit);
  const ForecastPrior& prior = options.prior;
  list.item("Prior of the forecast", prior.id + (prior.source.empty() ? "" : ": " + prior.source));
  std::string holdout;
  for (const HoldoutScore& score : fit.holdout) {
    holdout += (holdout.empty() ? "" : "; ") + estimator_name(score.method) + ", " +
               std::to_string(score.dropped) + " left out, " + rounded_text(score.ratio, 3) +
               " times the compute: size off by " + rounded_text(100 * score.scale_error, 2) +
               " %, loss by " + rounded_text(100 * score.loss_error, 2) + " %";
  }
  list.item("Hold-out", holdout.empty() ? "none: too few budgets with a minimum" : holdout);
  list.item("Program", "isoflop " + build_info().version);
}

}  // namespace

std::string methods_markdown(const ReportChapter& chapter) {
  Checklist list;
  list.paragraph("# Methods: " + chapter.title + "\n");
  list.paragraph(
      "The checklist of Li et al., \"(Mis)Fitting\" (arXiv:2502.18969), filled in from "
      "the points themselves.");
  if (!chapter.fit) {
    list.paragraph("\nNothing was fitted.");
    return list.take();
  }
  add_form(list, chapter);
  add_setup(list, chapter);
  add_collection(list, chapter);
  add_fitting(list, chapter);
  list.section("5. What a reader must know");
  for (const std::string& warning : chapter.fit->warnings) list.paragraph("- " + warning);
  if (!list.missing().empty()) {
    list.paragraph("- The points do not state: " + join(list.missing(), ", ") + ".");
  }
  return list.take();
}

}  // namespace isoflop
