// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "report/curves.h"
#include "report/fit_tables.h"
#include "report/number_text.h"

namespace isoflop {
namespace {

// Kaplan's, Chinchilla's and DeepSeek's count, and what each leaves out.
constexpr std::array kShownConventions = {
    FlopsConvention::exact,         FlopsConvention::deepseek_m_actual,
    FlopsConvention::six_n1_actual, FlopsConvention::six_n_total,
    FlopsConvention::kaplan,        FlopsConvention::chinchilla};

bool is_shown(FlopsConvention convention) {
  return std::find(kShownConventions.begin(), kShownConventions.end(), convention) !=
         kShownConventions.end();
}

std::string form_text(const HyperFormFit& fit) {
  const HyperLawNd::Form& form = fit.form;
  std::string text = rounded_text(form.coefficient, 3);
  if (form.exponent_params != 0) text += " N^" + exponent_text(form.exponent_params);
  if (form.exponent_tokens != 0) text += " D^" + exponent_text(form.exponent_tokens);
  return text;
}

std::string power_text(const PowerLawFit& fit) {
  return fit.usable() || fit.exponent_assumed ? "C^" + exponent_text(fit) : "";
}

std::string number_or_dash(bool known, double value) { return known ? rounded_text(value, 2) : ""; }

std::string left_out_text(const std::optional<CellHoldout>& holdout) {
  if (!holdout) return "";
  return "x" + rounded_text(std::exp(holdout->ln_error), 3) + " at " +
         rounded_text(holdout->ratio, 3) + "x";
}

std::vector<std::string> rate_row(const RateAtBatchFit& fit) {
  std::string law = rounded_text(fit.law.coefficient, 3);
  if (fit.has_params) {
    law += " N^" + exponent_text(fit.law.exponent_params, fit.exponent_params);
  }
  if (fit.has_tokens) {
    law += " D^" + exponent_text(fit.law.exponent_tokens, fit.exponent_tokens);
  }
  law += " B^" + exponent_text(fit.law.exponent_batch, fit.exponent_batch);
  return {"Peak lr at a batch", law, rounded_text(fit.residual_sd, 2), std::to_string(fit.n_cells),
          left_out_text(fit.holdout)};
}

std::vector<std::string> batch_row(const HyperFormFit& fit, std::int64_t n_cells) {
  return {"Batch",
          rounded_text(fit.form.coefficient, 3) + " N^" +
              exponent_text(fit.form.exponent_params, fit.exponent_params) + " D^" +
              exponent_text(fit.form.exponent_tokens, fit.exponent_tokens),
          rounded_text(fit.residual_sd, 2), std::to_string(n_cells), left_out_text(fit.holdout)};
}

std::vector<std::string> decay_row(const WeightDecayFit& fit) {
  std::string law = "tau = " + rounded_text(fit.timescale.law.coefficient, 3);
  if (!fit.timescale.exponent_assumed) law += " (D/N)^" + exponent_text(fit.timescale);
  return {"Weight decay B / (lr tau D)", law, rounded_text(fit.timescale.residual_sd, 2),
          std::to_string(fit.n_cells), left_out_text(fit.holdout)};
}

}  // namespace

FitTable convention_table(const ReportChapter& chapter) {
  FitTable table{.title = "FLOPs conventions: the same runs, counted otherwise (90% intervals)"};
  if (!chapter.fit || !chapter.fit->conventions) return table;
  const ConventionLadder& ladder = *chapter.fit->conventions;
  table.rows = {{"Convention", "a of M ~ C^a", "Surface", "b", "D / (M/6)", "Drift", ""}};
  for (const ConventionFit& fit : ladder.rows) {
    if (!is_shown(fit.convention) && fit.convention != ladder.most_constant) continue;
    table.rows.push_back(
        {std::string(to_string(fit.convention)), exponent_text(fit.scale_opt),
         fit.surface_a > 0 ? exponent_text(fit.surface_a) : "",
         exponent_text(fit.tokens_opt.law.exponent),
         rounded_text(fit.first_ratio, 3) + " to " + rounded_text(fit.last_ratio, 3),
         exponent_text(fit.drift), fit.convention == ladder.most_constant ? "most constant" : ""});
  }
  return table;
}

FitTable hyper_table(const ReportChapter& chapter) {
  FitTable table{.title = "Batch size B and peak learning rate by estimator (sd: of ln)"};
  if (!chapter.fit || !chapter.fit->hyper || chapter.fit->hyper->estimates.empty()) return table;
  const auto& estimates = chapter.fit->hyper->estimates;
  const bool nd = std::any_of(estimates.begin(), estimates.end(),
                              [](const HyperEstimate& e) { return e.peak_lr_nd.has_value(); });
  table.rows = {
      nd ? std::vector<std::string>{"Estimator", "Peak lr", "sd", "B", "sd", "lr ~", "B ~", "Cells"}
         : std::vector<std::string>{"Estimator", "lr ~", "sd", "B ~", "sd", "Cells"}};
  for (const HyperEstimate& e : estimates) {
    if (!e.peak_lr.usable() && !e.batch_tokens.usable() && !e.peak_lr_nd && !e.batch_tokens_d) {
      continue;
    }
    const std::string name = std::string(to_string(e.estimator));
    if (nd) {
      table.rows.push_back(
          {name, e.peak_lr_nd ? form_text(*e.peak_lr_nd) : "",
           number_or_dash(e.peak_lr_nd.has_value(), e.peak_lr_nd ? e.peak_lr_nd->residual_sd : 0),
           e.batch_tokens_d ? form_text(*e.batch_tokens_d) : "",
           number_or_dash(e.batch_tokens_d.has_value(),
                          e.batch_tokens_d ? e.batch_tokens_d->residual_sd : 0),
           e.peak_lr.usable() ? "C^" + exponent_text(e.peak_lr.law.exponent) : "",
           e.batch_tokens.usable() ? "C^" + exponent_text(e.batch_tokens.law.exponent) : "",
           std::to_string(e.n_cells)});
      continue;
    }
    table.rows.push_back({name, power_text(e.peak_lr),
                          number_or_dash(e.peak_lr.usable(), e.peak_lr.residual_sd),
                          power_text(e.batch_tokens),
                          number_or_dash(e.batch_tokens.usable(), e.batch_tokens.residual_sd),
                          std::to_string(e.n_cells)});
  }
  return table;
}

FitTable recipe_table(const ReportChapter& chapter) {
  FitTable table{.title = "Batch, rate at a batch and weight decay by N and D (90% intervals)",
                 .n_text_columns = 2};
  if (!chapter.fit) return table;
  const Fit& fit = *chapter.fit;
  if (fit.hyper && fit.hyper->batch_tokens_nd) {
    table.rows.push_back(batch_row(*fit.hyper->batch_tokens_nd, fit.hyper->n_cells));
  }
  if (fit.hyper && fit.hyper->peak_lr_at_batch) {
    table.rows.push_back(rate_row(*fit.hyper->peak_lr_at_batch));
  }
  if (fit.weight_decay && fit.weight_decay->timescale.law.coefficient > 0) {
    table.rows.push_back(decay_row(*fit.weight_decay));
  }
  if (table.rows.empty()) return table;
  table.rows.insert(table.rows.begin(), {"Of", "Law", "sd of ln", "Grids", "Largest left out"});
  return table;
}

FitTable excess_table(const ReportChapter& chapter) {
  FitTable table{.title = "Loss above the best of each grid, by law of batch and learning rate",
                 .n_text_columns = 2};
  if (!chapter.fit || !chapter.fit->hyper) return table;
  const auto& losses = chapter.fit->hyper->excess_loss;
  if (losses.empty()) return table;
  // Those of the fit's own laws are of the very grids they were fitted to: only beside another's.
  table.page_only = std::all_of(losses.begin(), losses.end(),
                                [](const ExcessLoss& excess) { return excess.own; });
  table.rows = {{"Law", "Of", "Mean", "Median", "Largest", "Grids", "Outside the grid"}};
  for (const ExcessLoss& excess : losses) {
    table.rows.push_back({excess.law + (excess.own ? " (fitted here)" : ""),
                          excess.form == "C" ? "C" : "N, D", percent(excess.mean),
                          percent(excess.median), percent(excess.max),
                          std::to_string(excess.n_cells), std::to_string(excess.n_outside_grid)});
  }
  return table;
}

FitTable form_table(const ReportChapter& chapter) {
  const std::string symbol = scale_symbol(chapter);
  FitTable table{.title = "Forms of the surface"};
  if (!chapter.fit) return table;
  table.rows = {
      {"Form", "Parameters", "AICc", "Hold-out error", symbol + " opt", "a", "at", "Remark"}};
  std::vector<std::string> not_fitted;
  for (const FormFit& form : chapter.fit->forms) {
    if (!form.not_fitted.empty()) {
      not_fitted.push_back(form.name + " (" + form.not_fitted + ")");
      continue;
    }
    const std::string bound = form.at_bound.empty() ? "" : "at bound: " + join(form.at_bound, ", ");
    table.rows.push_back({form.name, std::to_string(form.parameters.size()),
                          form.aicc ? rounded_text(*form.aicc, 5) : "",
                          form.holdout_error ? percent(*form.holdout_error) : "",
                          form.target ? si_text(form.target->scale_opt) : "",
                          form.target ? exponent_text(form.target->scale_exponent) : "",
                          form.target ? budget_text(form.target->compute) : "",
                          form.usable() ? bound : words(form.status)});
  }
  if (chapter.fit->form_choice) table.notes.push_back(chapter.fit->form_choice->reason);
  if (!not_fitted.empty()) table.notes.push_back("Not fitted: " + join(not_fitted, "; ") + ".");
  return table;
}

}  // namespace isoflop
