// SPDX-License-Identifier: Apache-2.0
#include "report/fit_tables.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "report/curves.h"
#include "report/number_text.h"

namespace isoflop {
namespace {

std::string usable_count(const ValleyEstimator& estimator) {
  const auto n = std::count_if(estimator.valleys.begin(), estimator.valleys.end(),
                               [](const ValleyEstimate& valley) { return valley.usable(); });
  return std::to_string(n) + " of " + std::to_string(estimator.valleys.size());
}

std::vector<std::string> law_row(const std::string& name, const PowerLawFit& law,
                                 const std::string& n_budgets, double largest) {
  std::vector<std::string> row = {name, exponent_text(law), rounded_text(law.tau, 2)};
  for (const double ratio : kForecastRatios) {
    row.push_back(with_si_interval(
        law.law(ratio * largest),
        law.t > 0 ? std::optional(law.prediction_interval(ratio * largest)) : std::nullopt));
  }
  row.push_back(n_budgets);
  return row;
}

// The surface's calibrated intervals hold what its own law's do not: the uncertainty of tau.
std::vector<std::string> surface_row(const Fit& fit, const ValleyEstimator& estimator) {
  std::vector<std::string> row =
      law_row("surface", estimator.scale_opt, usable_count(estimator), fit.compute_to);
  if (!fit.surface_intervals) return row;
  const SurfaceIntervals& calibrated = *fit.surface_intervals;
  row[1] = exponent_text(estimator.scale_opt.law.exponent, calibrated.a);
  row[2] = rounded_text(calibrated.tau, 2);
  for (const OptimumForecast& forecast : calibrated.forecasts) {
    for (std::size_t i = 0; i < std::size(kForecastRatios); ++i) {
      if (std::abs(forecast.ratio / kForecastRatios[i] - 1) > 1e-9) continue;
      row[3 + i] = with_si_interval(forecast.scale_opt, forecast.next);
    }
  }
  return row;
}

std::string disagreement_note(const Fit& fit) {
  double at_budgets = 0;
  std::string beyond;
  for (const EstimatorDisagreement& row : fit.disagreement) {
    if (row.extrapolation <= 1) {
      at_budgets = std::max(at_budgets, row.largest_ln_ratio);
    } else {
      beyond += ", " + rounded_text(std::exp(row.largest_ln_ratio), 3) + "x at " +
                rounded_text(row.extrapolation, 3) + "x";
    }
  }
  return "Optima differ between estimators by up to " + rounded_text(std::exp(at_budgets), 3) +
         "x at a budget" + beyond + ".";
}

std::string at_bound_text(const ParametricFit& surface, const std::string& name) {
  const bool hit =
      std::find(surface.at_bound.begin(), surface.at_bound.end(), name) != surface.at_bound.end();
  return hit ? "at its bound" : "";
}

std::string points_text(std::int64_t n, std::int64_t of) {
  return n < of ? std::to_string(n) + " of " + std::to_string(of) +
                      " runs (of each grid of batch sizes and rates one)"
                : std::to_string(n) + " runs";
}

std::string surface_note(const Fit& fit) {
  const ParametricFit& surface = *fit.parametric;
  std::string text = std::string(to_string(surface.objective));
  const bool default_delta = surface.delta == FitOptions{}.delta;
  if (surface.objective != ObjectiveKind::mse && !default_delta) {
    text += ", delta " + rounded_text(surface.delta) + ":";
  }
  text += " " + rounded_text(surface.objective_value, 5) + " by " +
          std::to_string(surface.n_starts_agreeing) + " of " + std::to_string(surface.n_starts) +
          " starts from " + points_text(surface.n_points, fit.n_points);
  if (surface.basins.size() > 1 && surface.objective_value > 0) {
    text += ", the next of " + std::to_string(surface.basins.size()) + " optima " +
            percent(surface.basins[1].objective / surface.objective_value - 1) + " above";
  }
  if (surface.diagnostics) {
    text += "; condition number " + rounded_text(surface.diagnostics->condition_number, 3);
  }
  if (fit.surface_intervals) {
    text += "; scatter of the runs about it " + percent(fit.surface_intervals->noise) + ", tau " +
            rounded_text(fit.surface_intervals->tau, 2);
    const Dependence dependence = fit.surface_intervals->dependence;
    if (dependence != Dependence::none) {
      text += "; calibrated intervals lie about least squares and count " +
              std::to_string(fit.surface_intervals->n_units) +
              (dependence == Dependence::trunk ? " trunks" : " sizes") +
              ", whose runs err together";
    }
  }
  return text + (surface.usable() ? "." : "; " + words(surface.status) + ".");
}

/// "1e20 red (10x beyond the data, no budget to hold out)"
std::string light_reason(const Target& target) {
  return budget_text(target.compute) + " " + color_word(target.light) + " (" +
         join(target.light_reasons, ", ") + ")";
}

std::string weight_text(double surface, const std::string& laws) {
  if (surface < 0.005) return laws;
  if (surface > 0.995) return "the surface";
  return percent(1 - surface) + " " + laws + " and " + percent(surface) + " the surface";
}

/// What makes the forecast, and what it would be of without the prior.
std::vector<std::string> forecast_notes(const std::string& symbol, const Fit& fit) {
  const Target& first = fit.targets.front();
  if (first.estimates.back().method != "posterior") {
    return {"By the surface alone; D is what the budget buys at that size."};
  }
  const ForecastWeights& weights = fit.forecast_weights;
  const std::string laws =
      fit.options.prior.id == no_prior().id ? "the laws" : "the laws with prior";
  std::string text = symbol + " opt by " + weight_text(weights.scale_surface, laws) + "; loss by " +
                     weight_text(weights.loss_surface, laws) +
                     (weights.scale_surface == 0 ? ""
                      : fit.holdout.empty()      ? " (even weights: nothing was held out)"
                                                 : " (weights by hold-outs)") +
                     "; D is what the budget buys at that size. Prior: " + fit.options.prior.id;
  if (fit.posterior_exponent && fit.posterior_exponent->interval) {
    const Estimated& exponent = *fit.posterior_exponent;
    text += ", with it " + symbol + " ~ C^" + exponent_text(exponent.value, *exponent.interval);
  }
  std::string without;
  for (const Target& target : fit.targets) {
    if (!target.without_prior) continue;
    const TargetEstimate& own = *target.without_prior;
    without += (without.empty() ? "" : "; ") + budget_text(target.compute) + " " + symbol + " " +
               with_si_interval(own.scale.value, own.scale.interval);
    if (own.loss.value > 0 && own.loss.interval) {
      without +=
          ", loss " + rounded_text(own.loss.value, 4) + " " + interval_text(*own.loss.interval, 4);
    }
  }
  return {text + (without.empty() ? "." : "; without it (--prior none): " + without + ".")};
}

std::string poor_text(const HoldoutSummary& summary, const std::string& symbol) {
  if (!summary.is_poor()) return "";
  const std::string both = summary.misses_scale && summary.misses_loss ? " and loss" : "";
  return "poor in " + (summary.misses_scale ? symbol : std::string("loss")) + both;
}

std::string waste_cost_note(const Target& target) {
  return "At " + budget_text(target.compute) + " the waste is up to " + worst_waste(target) + ".";
}

void drop_empty_columns(FitTable& table) {
  for (std::size_t c = table.rows.front().size(); c-- > 1;) {
    const bool empty = std::all_of(table.rows.begin() + 1, table.rows.end(),
                                   [&](const auto& row) { return row[c].empty(); });
    if (!empty) continue;
    if (c + table.n_page_columns >= table.rows.front().size()) --table.n_page_columns;
    for (std::vector<std::string>& row : table.rows) {
      row.erase(row.begin() + static_cast<std::ptrdiff_t>(c));
    }
  }
}

template <class Tables>
std::vector<FitTable> those_with_rows(const ReportChapter& chapter, const Tables& all) {
  std::vector<FitTable> tables;
  for (const auto& table_of : all) {
    FitTable table = table_of(chapter);
    if (table.rows.size() < 2) continue;
    drop_empty_columns(table);
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace

FitTable holdout_table(const ReportChapter& chapter) {
  const std::string symbol = scale_symbol(chapter);
  FitTable table{.title = "Hold-out: the largest budgets left out and predicted"};
  if (!chapter.fit || chapter.fit->holdout_summary.empty()) return table;
  table.rows = {{"By", "Times", "Reach", "Worst: " + symbol, "D", "loss", "Per decade: " + symbol,
                 "D", "loss", ""}};
  for (const HoldoutSummary& summary : chapter.fit->holdout_summary) {
    table.rows.push_back(
        {estimator_name(summary.method), std::to_string(summary.n_scores),
         rounded_text(summary.largest_ratio, 3) + "x", signed_percent(summary.worst.scale),
         signed_percent(summary.worst.tokens), signed_percent(summary.worst.loss),
         percent(summary.median_per_decade.scale), percent(summary.median_per_decade.tokens),
         percent(summary.median_per_decade.loss), poor_text(summary, symbol)});
  }
  table.notes.emplace_back(
      "Times: budgets predicted from cheaper ones. Reach: the farthest, over the largest used. "
      "Worst: predicted / found - 1. Per decade: median |ln(predicted / found)| over the decades. "
      "In JSON: isoflop, parametric, posterior.");
  return table;
}

FitTable estimator_table(const ReportChapter& chapter) {
  const std::string symbol = scale_symbol(chapter);
  FitTable table{.title = "Estimators of the optimal " + symbol + " (90% intervals)"};
  if (!chapter.fit) return table;
  const Fit& fit = *chapter.fit;
  table.rows = {{"Estimator", "a of " + symbol + " ~ C^a", "tau", symbol + " at 10x",
                 symbol + " at 100x", "Budgets"}};
  if (fit.scale_opt_uncorrected && fit.scale_opt.usable()) {
    const std::int64_t n = fit.scale_opt.n_points;
    table.rows.push_back(law_row("headline*", fit.scale_opt,
                                 std::to_string(n) + " of " + std::to_string(fit.valleys.size()),
                                 fit.compute_to));
    table.notes.emplace_back("* parabola, freed of the bias that the surface predicts for it.");
  }
  for (const ValleyEstimator& estimator : fit.estimators) {
    if (!estimator.scale_opt.usable()) continue;
    const bool surface = estimator.method == ValleyMethod::parametric;
    table.rows.push_back(surface ? surface_row(fit, estimator)
                                 : law_row(std::string(to_string(estimator.method)),
                                           estimator.scale_opt, usable_count(estimator),
                                           fit.compute_to));
  }
  if (fit.envelope && fit.envelope->usable()) {
    table.rows.push_back(law_row("envelope", fit.envelope->scale_opt,
                                 std::to_string(fit.envelope->n_runs) + " curves", fit.compute_to));
  }
  table.notes.emplace_back(
      "tau: how far optimal sizes scatter about their law beyond each curve's own error, in ln.");
  if (!fit.disagreement.empty()) table.notes.push_back(disagreement_note(fit));
  return table;
}

FitTable surface_table(const ReportChapter& chapter) {
  const std::string symbol = scale_symbol(chapter);
  FitTable table{.title = "Surface L = E + A/" + symbol + "^alpha + B/D^beta (90% intervals)"};
  if (!chapter.fit || !chapter.fit->parametric) return table;
  const Fit& fit = *chapter.fit;
  const ParametricFit& surface = *fit.parametric;
  const SurfaceIntervals calibrated = fit.surface_intervals.value_or(SurfaceIntervals{});
  const SurfaceDiagnostics diagnostics = surface.diagnostics.value_or(SurfaceDiagnostics{});
  table.rows = {{"Parameter", "Value", "Calibrated", "Bootstrap", "Profile", ""}};
  const auto add = [&](const std::string& name, double value, const auto& text_of,
                       const std::vector<Interval>& intervals, bool identified) {
    std::vector<std::string> row = {name, text_of(value)};
    for (const Interval& interval : intervals) {
      const bool empty = !(interval.low < interval.high);
      row.push_back(empty ? "" : "[" + text_of(interval.low) + ", " + text_of(interval.high) + "]");
    }
    const std::string bound = at_bound_text(surface, name);
    row.push_back(!bound.empty() ? bound : identified ? "" : "not identified");
    table.rows.push_back(std::move(row));
  };
  const auto places = [](double value) { return exponent_text(value); };
  const auto digits = [](double value) { return rounded_text(value, 4); };
  const LossLaw& law = surface.law;
  add("a", surface.a_exponent, places, {calibrated.a, surface.a, diagnostics.profile_a.interval},
      diagnostics.profile_a.identified);
  add("alpha", law.alpha, places, {calibrated.alpha, surface.alpha, {}}, true);
  add("beta", law.beta, places, {calibrated.beta, surface.beta, {}}, true);
  add("E", law.irreducible, digits, {calibrated.E, surface.E, diagnostics.profile_E.interval},
      diagnostics.profile_E.identified);
  add("A", law.a, digits, {calibrated.A, surface.A, {}}, true);
  add("B", law.b, digits, {calibrated.B, surface.B, {}}, true);
  table.notes = {surface_note(fit)};
  return table;
}

FitTable target_table(const ReportChapter& chapter) {
  const std::string symbol = scale_symbol(chapter);
  FitTable table{.title = "Budgets beyond the data (90% intervals)", .n_page_columns = 1};
  if (!chapter.fit) return table;
  table.rows = {{"Budget", "Reach", "Light", symbol + " opt", "D", "Loss", "Waste",
                 symbol + " within 0.25% of the loss"}};
  std::vector<std::string> lights, costs;
  for (const Target& target : chapter.fit->targets) {
    if (target.estimates.empty()) continue;
    const Estimated& loss = target.loss;
    std::string loss_text = loss.value > 0 ? rounded_text(loss.value, 4) : "";
    if (loss.value > 0 && loss.interval) loss_text += " " + interval_text(*loss.interval, 4);
    table.rows.push_back(
        {budget_text(target.compute), rounded_text(target.ratio, 3) + "x", color_word(target.light),
         with_si_interval(target.scale.value, target.scale.interval),
         with_si_interval(target.tokens.value, target.tokens.interval), loss_text,
         worst_waste_share(target),
         target.flat.empty()
             ? ""
             : si_text(target.flat.back().low) + " to " + si_text(target.flat.back().high)});
    if (!target.light_reasons.empty()) lights.push_back(light_reason(target));
    if (target.overestimate && target.overestimate->gpu_hours) {
      costs.push_back(waste_cost_note(target));
    }
  }
  if (table.rows.size() < 2) return table;
  if (!lights.empty()) table.notes.push_back("Lights: " + join(lights, "; ") + ".");
  for (std::string& note : forecast_notes(symbol, *chapter.fit)) {
    table.notes.push_back(std::move(note));
  }
  table.notes.emplace_back(
      "Reach: over the largest budget behind the laws. Waste: of the compute, if the optimum is at "
      "the end of the interval that costs more.");
  std::move(costs.begin(), costs.end(), std::back_inserter(table.notes));
  return table;
}

FitTable outlier_table(const ReportChapter& chapter) {
  constexpr std::size_t kMostRows = 10;
  const std::string symbol = scale_symbol(chapter);
  FitTable table{.title = "Runs farther from the surface than their number explains"};
  if (!chapter.fit || !chapter.fit->outliers) return table;
  const Outliers& outliers = *chapter.fit->outliers;
  table.rows = {{"Run", symbol, "D", "Found", "Off by", "in scatters"}};
  for (const Outlier& run : outliers.runs) {
    if (table.rows.size() > kMostRows) break;
    table.rows.push_back(
        {run.label, si_text(run.scale), si_text(run.tokens), metric_text(run.metric),
         signed_percent(std::expm1(run.residual)),
         outliers.scatter > 0 ? rounded_text(run.residual / outliers.scatter, 2) : ""});
  }
  std::string note = std::to_string(outliers.runs.size()) + " of " +
                     std::to_string(chapter.fit->n_points) + " points are beyond " +
                     rounded_text(outliers.limit, 2) + " times the scatter of " +
                     percent(outliers.scatter) + ", where chance puts any in one of 20 sets.";
  if (outliers.a_without) {
    note += " Without them the surface's a is " + exponent_text(*outliers.a_without) +
            " instead of " + exponent_text(outliers.a) + ".";
  }
  table.notes = {note + " --skip-outliers leaves out rows with 1 in a column outlier."};
  return table;
}

std::vector<FitTable> leading_tables(const ReportChapter& chapter) {
  return those_with_rows(chapter, std::array{holdout_table, target_table});
}

std::vector<FitTable> fit_tables(const ReportChapter& chapter) {
  return those_with_rows(chapter,
                         std::array{estimator_table, surface_table, outlier_table, convention_table,
                                    hyper_table, recipe_table, excess_table, form_table});
}

}  // namespace isoflop
