// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// The timescale of least loss, 1.084 (D/N)^-0.527 (Power Lines, arXiv:2505.13738; the constants as
/// its implementations quote them).
[[nodiscard]] double power_lines_timescale(double tokens_per_param);

/// The weight decay that gives a run that timescale: B / (lr * tau * D).
[[nodiscard]] double power_lines_weight_decay(const DecayingRun& run);

/// Sizes behind it: 111M to 3.3B parameters, on SlimPajama, sequences of 2048, muP.
inline constexpr double kPowerLinesFrom = 111e6, kPowerLinesTo = 3.3e9;

}  // namespace isoflop
