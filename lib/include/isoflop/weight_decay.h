// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/law.h"

namespace isoflop {

/// One run, as the law of AdamW's timescale looks at it.
struct DecayingRun {
  double params = 0;        // N
  double tokens = 0;        // D
  double batch_tokens = 0;  // B
  double peak_lr = 0;
};

/// AdamW's timescale B / (lr * weight_decay * D): the share of the run over which the weights are
/// an average of updates.
[[nodiscard]] double adamw_timescale(const DecayingRun& run, double weight_decay);

/// The weight decay that gives a run the timescale of the law: B / (lr * tau(D/N) * D).
[[nodiscard]] double weight_decay_of(const WeightDecayLaw& law, const DecayingRun& run);

/// Power Lines' law, tau = 1.084 (D/N)^-0.527 (arXiv:2505.13738; the constants as its
/// implementations quote them), as in fits/published/power-lines-2025.json.
[[nodiscard]] WeightDecayLaw power_lines_law();

/// Sizes behind it: 111M to 3.3B parameters, on SlimPajama, sequences of 2048, muP.
inline constexpr double kPowerLinesFrom = 111e6, kPowerLinesTo = 3.3e9;

}  // namespace isoflop
