// SPDX-License-Identifier: Apache-2.0
#include "isoflop/weight_decay.h"

#include <cmath>

namespace isoflop {
namespace {

// arXiv:2505.13738, as quoted.
constexpr double kTimescale = 1.084, kTimescaleExponent = -0.527;

}  // namespace

double adamw_timescale(const DecayingRun& run, double weight_decay) {
  return run.batch_tokens / (run.peak_lr * weight_decay * run.tokens);
}

double power_lines_timescale(double tokens_per_param) {
  return kTimescale * std::pow(tokens_per_param, kTimescaleExponent);
}

double power_lines_weight_decay(const DecayingRun& run) {
  return run.batch_tokens /
         (run.peak_lr * power_lines_timescale(run.tokens / run.params) * run.tokens);
}

}  // namespace isoflop
