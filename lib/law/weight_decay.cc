// SPDX-License-Identifier: Apache-2.0
#include "isoflop/weight_decay.h"

namespace isoflop {

double adamw_timescale(const DecayingRun& run, double weight_decay) {
  return run.batch_tokens / (run.peak_lr * weight_decay * run.tokens);
}

double weight_decay_of(const WeightDecayLaw& law, const DecayingRun& run) {
  return run.batch_tokens / (run.peak_lr * law.timescale(run.tokens / run.params) * run.tokens);
}

WeightDecayLaw power_lines_law() { return {.timescale = {1.084, -0.527}}; }

}  // namespace isoflop
