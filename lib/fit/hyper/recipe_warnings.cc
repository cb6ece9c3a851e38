// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "fit/hyper/hyper_warnings.h"

namespace isoflop {

void warn_of_rate_at_batch(const RateAtBatchFit& fit, Words& warnings) {
  if (fit.has_params && fit.has_tokens) return;
  const std::string kept = fit.has_tokens ? "D and B" : fit.has_params ? "N and B" : "B alone";
  warnings.push_back(
      "Learning rate at a batch: the grids do not tell N from D; the law is in " + kept +
      " and holds along their line, for as many tokens per parameter: grids at others.");
}

void warn_of_weight_decay(const WeightDecayFit& fit, Words& warnings) {
  for (const DecaySlice& slice : fit.slices) {
    if (slice.usable()) continue;
    warnings.push_back(at_budget(slice.budget) + "the weight decays from " +
                       rounded_text(slice.tried.low, 3) + " to " +
                       rounded_text(slice.tried.high, 3) + " do not bracket the best (" +
                       rounded_text(slice.best_weight_decay, 3) +
                       " has the lowest loss); the slice is in no law: run beyond it.");
  }
  if (fit.timescale.exponent_assumed && fit.timescale.law.coefficient > 0) {
    warnings.push_back("Weight decay: " + std::to_string(fit.n_cells) +
                       (fit.n_cells == 1 ? " grid does" : " grids do") +
                       " not tell how its timescale goes with D/N; it is taken as one number: "
                       "grids at 3 ratios of tokens to parameters.");
  }
}

}  // namespace isoflop
