// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/law.h"
#include "isoflop/run_spec.h"

namespace isoflop {

struct ProposalRequest {
  Flops compute_budget;
  /// Default: what the law was fitted with, else 4096 and 102400 (arXiv:2401.02954).
  std::optional<std::int64_t> seq_len, vocab_size;
  /// Unique tokens at hand. More than that means epochs, and a warning.
  std::optional<double> data_tokens;
  /// For the cost: peak FLOP/s of one GPU, how many, the share of the peak reached, price per
  /// GPU-hour.
  std::optional<double> gpu_peak_flops, mfu, price_per_gpu_hour;
  std::int64_t n_gpus = 1;
};

/// A number and where it may lie.
struct Prediction {
  double value = 0, low = 0, high = 0;
};

/// A training recipe. What the law does not say is absent.
struct Proposal {
  std::string law_id;
  Flops compute_budget;
  RunSpec spec;   // trainable: shape, batch, steps, learning rate, schedule
  Flops compute;  // M D of the spec by the law's convention; never above the budget
  std::int64_t batch_seqs = 0;
  /// The law's own unrounded numbers.
  std::optional<double> law_batch_tokens, law_peak_lr, law_flops_per_token, law_tokens;
  std::optional<Prediction> loss_nats, bits_per_byte;
  std::optional<double> gpu_hours, price;
  double extrapolation = 1;  // budget / largest budget behind the law; 1 inside its range
  std::vector<std::string> warnings;
};

/// Deterministic and without I/O. Rounds the shape to the ladder, then spends what is left of the
/// budget on tokens, so that the proposal never exceeds compute_budget.
/// Throws Error(invalid_argument) for a budget <= 0 or a law without an allocation.
[[nodiscard]] Proposal propose(const ProposalRequest& request, const Law& law);

}  // namespace isoflop
