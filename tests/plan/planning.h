// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/plan.h"

namespace isoflop::test {

/// arXiv:2401.02954, eq. 1 and 4.
inline Law deepseek_law() {
  Law law;
  law.id = "deepseek-llm-2024";
  law.fitted_from = Flops(1e17);
  law.fitted_to = Flops(3e20);
  law.allocation = AllocationLaw{{0.1715, 0.5243}, {5.8316, 0.4757}};
  law.hyper = HyperLaw{{0.2920, 0.3271}, {0.3118, -0.1250}};
  return law;
}

inline DatasetSummary byte_dataset() {
  return {.name = "gcide",
          .hash = "00112233aabbccdd",
          .tokenizer = "bytes",
          .vocab_size = 256,
          .train_tokens = 4e7,
          .validation_tokens = 2'000'000};
}

inline Experiment small_experiment() {
  Experiment experiment;
  experiment.question = "Where?";
  experiment.dataset = "gcide";
  experiment.prior = "deepseek-llm-2024";
  experiment.isoflop = IsoFlopDesign{.budgets = {3.2e11, 1e12, 3.2e12}, .per_budget = 7};
  return experiment;
}

}  // namespace isoflop::test
