// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "report/fit_tables.h"
#include "report/number_text.h"

namespace isoflop {
namespace {

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

}  // namespace isoflop
