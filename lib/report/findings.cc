// SPDX-License-Identifier: Apache-2.0
#include "report/findings.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/curves.h"
#include "report/number_text.h"

namespace isoflop {
namespace {

std::string optimum_text(double value, double ln_se) {
  std::string text = si_text(value);
  if (ln_se > 0) text += " \xc2\xb1 " + rounded_text(100 * std::expm1(ln_se), 2) + "%";
  return text;
}

std::int64_t count_sound(const Fit& fit) {
  return std::count_if(fit.valleys.begin(), fit.valleys.end(), [](const Valley& valley) {
    return valley.bracketed && valley.status == FitStatus::ok;
  });
}

void say_allocation(const ReportChapter& chapter, std::vector<std::string>& sentences) {
  const Fit& fit = *chapter.fit;
  const std::string sound = std::to_string(count_sound(fit)) + " of " +
                            std::to_string(fit.valleys.size()) +
                            " budgets have a minimum with runs on both sides";
  if (!fit.usable()) {
    sentences.push_back("These runs support no allocation law: " + sound + " (" +
                        words(fit.scale_opt.status) + ").");
    return;
  }
  std::string law = "Optimal " + scale_symbol(chapter) +
                    " ~ C^a with a = " + exponent_text(fit.scale_opt) +
                    ", D ~ C^b with b = " + exponent_text(fit.tokens_opt);
  if (fit.compute_from > 0) {
    law +=
        ", from " + budget_text(fit.compute_from) + " to " + budget_text(fit.compute_to) + " FLOPs";
  }
  sentences.push_back(law + "; " + sound + ".");
}

void say_second_stages(const ReportChapter& chapter, std::vector<std::string>& sentences) {
  for (const SecondStage& stage : chapter.fit->second_stages) {
    if (!stage.usable()) continue;
    std::string text = stage.column + " by the loss:";
    for (const SecondStageTarget& target : stage.at_targets) {
      text += " " + rounded_text(target.metric, 3);
      if (target.interval) text += " " + interval_text(*target.interval);
      text += " at " + budget_text(target.compute) + " FLOPs,";
    }
    text += " a run scatters by " + rounded_text(stage.residual_sd, 2);
    if (stage.holdout) {
      text += "; hold-out at " + rounded_text(stage.holdout->ratio, 3) + "x the compute off by " +
              rounded_text(stage.holdout->rms_error, 2);
    }
    sentences.push_back(text + ".");
  }
}

std::string status_text(const Valley& valley) {
  if (valley.bracketed && valley.status == FitStatus::ok) return "yes";
  return "no: " + words(valley.status);
}

void add_law(TextRows& rows, const std::string& name, const PowerLawFit* ours,
             const std::optional<PowerLaw>& reference, bool reference_exponent_only = false) {
  const bool has_ours = ours != nullptr && (ours->usable() || ours->exponent_assumed);
  if (!has_ours && !reference) return;
  std::vector<std::string> row = {name, "", "", "", ""};
  if (has_ours) {
    row[1] = with_interval(ours->law.coefficient, ours->coefficient);
    row[2] = exponent_text(*ours);
    row[3] = rounded_text(ours->residual_sd, 2);
  }
  if (reference) {
    row[4] = "C^" + rounded_text(reference->exponent, 4);
    if (!reference_exponent_only) row[4] = rounded_text(reference->coefficient, 4) + " " + row[4];
  }
  rows.push_back(std::move(row));
}

}  // namespace

std::vector<std::string> verdict_of(const ReportChapter& chapter) {
  std::vector<std::string> sentences;
  if (!chapter.fit) return sentences;
  const Fit& fit = *chapter.fit;
  if (!fit.pooled.empty()) {
    sentences.push_back(std::to_string(fit.pooled.size()) +
                        " experiments are fitted as one (--where experiment=NAME takes one): what "
                        "follows may be the law of none.");
  }
  if (!fit.valleys.empty() || fit.usable()) say_allocation(chapter, sentences);
  if (fit.usable() && fit.holdout_summary.empty()) {
    sentences.emplace_back("Hold-out: none, there are too few budgets to leave one out.");
  }
  if (fit.hyper && (fit.hyper->batch_tokens.usable() || fit.hyper->peak_lr.usable())) {
    sentences.push_back("Batch size ~ C^" + exponent_text(fit.hyper->batch_tokens) +
                        ", peak learning rate ~ C^" + exponent_text(fit.hyper->peak_lr) +
                        ", from " + std::to_string(fit.hyper->n_cells) + " grids.");
  }
  say_second_stages(chapter, sentences);
  return sentences;
}

TextRows comparison_rows(const Report& report) {
  TextRows rows = {{"Data set", "Scale ~ C^a, a [90%]", "Tokens ~ C^b, b [90%]", "Minima",
                    "Hold-out: scale", "loss"}};
  for (const ReportChapter& chapter : report.chapters) {
    if (!chapter.fit || chapter.fit->valleys.empty()) continue;
    const Fit& fit = *chapter.fit;
    const bool usable = fit.usable();
    std::vector<std::string> row = {
        chapter.title,
        usable ? exponent_text(fit.scale_opt) : "none",
        usable ? exponent_text(fit.tokens_opt) : "none",
        std::to_string(count_sound(fit)) + " of " + std::to_string(fit.valleys.size()),
        "",
        ""};
    for (const HoldoutScore& score : fit.holdout) {
      if (score.dropped != 1 || !row[4].empty()) continue;
      row[4] = signed_percent(score.scale_error);
      row[5] = signed_percent(score.loss_error);
    }
    rows.push_back(std::move(row));
  }
  return rows.size() > 2 ? rows : TextRows{};
}

TextRows valley_rows(const ReportChapter& chapter) {
  if (!chapter.fit || chapter.fit->valleys.empty()) return {};
  const std::string symbol = scale_symbol(chapter);
  TextRows rows = {
      {"Budget", symbol + " opt", "D opt", "Best " + metric_unit(chapter), "Sizes", "Bracketed"}};
  for (const Valley& valley : chapter.fit->valleys) {
    if (!(valley.scale_opt > 0)) {
      rows.push_back({budget_text(valley.budget), "", "", "", std::to_string(valley.n_points),
                      status_text(valley)});
      continue;
    }
    rows.push_back({budget_text(valley.budget), optimum_text(valley.scale_opt, valley.ln_scale_se),
                    si_text(valley.tokens_opt), metric_text(valley.loss_opt),
                    std::to_string(valley.n_points), status_text(valley)});
  }
  return rows;
}

TextRows law_rows(const ReportChapter& chapter) {
  const std::string reference = chapter.reference ? chapter.reference->id : "";
  TextRows rows = {{"Law", "Coefficient [90%]", "Exponent of C [90%]", "sd of ln", reference}};
  const Fit* fit = chapter.fit ? &*chapter.fit : nullptr;
  std::optional<PowerLaw> scale, tokens, batch, rate;
  bool exponents_only = false;
  if (chapter.reference && chapter.reference->allocation) {
    const AllocationLaw& law = *chapter.reference->allocation;
    exponents_only = law.exponents_only;
    if (scale_of(chapter) == LossLaw::Scale::flops_per_token) scale = law.flops_per_token;
    tokens = law.tokens;
  }
  if (chapter.reference && chapter.reference->hyper) {
    batch = chapter.reference->hyper->batch_tokens;
    rate = chapter.reference->hyper->peak_lr;
  }
  const bool curves = fit != nullptr && !fit->valleys.empty();
  const HyperFit* hyper = fit != nullptr && fit->hyper ? &*fit->hyper : nullptr;
  if (curves) {
    const std::string symbol = scale_symbol(chapter);
    add_law(rows, "Optimal " + symbol + " [" + scale_unit(chapter) + "]", &fit->scale_opt, scale,
            exponents_only);
    add_law(rows, "Optimal D [tokens]", &fit->tokens_opt, tokens, exponents_only);
  }
  if (hyper != nullptr) {
    add_law(rows, "Batch size [tokens]", &hyper->batch_tokens, batch);
    add_law(rows, "Peak learning rate", &hyper->peak_lr, rate);
  }
  if (fit != nullptr && fit->frontier) {
    const FrontierLaw& law = *fit->frontier;
    const std::string above = law.irreducible > 0 ? " - " + rounded_text(law.irreducible, 4) : "";
    rows.push_back({"Best loss" + above + " [" + metric_unit(chapter) + "]",
                    rounded_text(law.coefficient, 3), exponent_text(law.exponent), "", ""});
  }
  if (rows.size() == 1) return {};
  for (std::vector<std::string>& row : rows) row.resize(chapter.reference ? 5 : 4);
  return rows;
}

TextRows holdout_rows(const ReportChapter& chapter) {
  if (!chapter.fit || chapter.fit->holdout.empty()) return {};
  TextRows rows = {
      {"Left out", "Budget", "Reach", "Method", "Error in optimal scale", "in tokens", "in loss"}};
  for (const HoldoutScore& score : chapter.fit->holdout) {
    rows.push_back({std::to_string(score.dropped), budget_text(score.compute),
                    rounded_text(score.ratio, 3) + "x", estimator_name(score.method),
                    signed_percent(score.scale_error), signed_percent(score.tokens_error),
                    signed_percent(score.loss_error)});
  }
  return rows;
}

}  // namespace isoflop
