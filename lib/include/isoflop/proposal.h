// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/law.h"
#include "isoflop/overtraining.h"
#include "isoflop/run_spec.h"

namespace isoflop {

struct ProposalRequest {
  Flops compute_budget;
  /// Default: what the law was fitted with, else 4096 and 102400 (arXiv:2401.02954).
  std::optional<std::int64_t> seq_len = {}, vocab_size = {};
  /// Unique tokens at hand. More than that means epochs, and a warning.
  std::optional<double> data_tokens = {};
  /// Tokens the model will read and write in use. Needs a law with a loss surface.
  std::optional<double> inference_tokens = {};
  /// For the cost: peak FLOP/s of one GPU, how many, the share of the peak that the model's own
  /// FLOPs (convention `exact`: head included, no recomputation) reach, price per GPU-hour.
  std::optional<double> gpu_peak_flops = {}, mfu = {}, price_per_gpu_hour = {};
  std::int64_t n_gpus = 1;
};

/// A number and where it lies with 90 %.
struct Prediction {
  double value = 0, low = 0, high = 0;
};

/// What the law expects of a run of `shape` over `tokens`, by the law's metric: its frontier at the
/// run's compute, raised by what its surface says the run's split is off the best one; else the
/// surface alone; nothing where it has neither.
[[nodiscard]] std::optional<Prediction> predict(const Law& law, const ModelShape& shape,
                                                Tokens tokens);

/// `compute` over the largest budget behind the law; 1 inside its range, or where it states none.
[[nodiscard]] double extrapolation(const Law& law, Flops compute);

/// A training recipe. What the law does not say is absent.
struct Proposal {
  std::string law_id;
  Flops compute_budget;
  /// Shape, batch, steps, learning rate, schedule. Trainable once a data set is named, if `missing`
  /// is empty; what is missing is 0 here.
  RunSpec spec;
  std::vector<std::string> missing;  // of batch_tokens, peak_lr: what the law says nothing about
  FlopsPerToken flops_per_token;     // of the shape, by the law's convention
  /// D: batch_tokens * n_steps; where the law knows no batch size, what the budget pays for.
  Tokens tokens;
  /// Fresh tokens that these are worth where data_tokens are fewer; see overtraining.h.
  std::optional<double> effective_tokens;
  Flops compute;  // M D by the law's convention; never above the budget
  std::int64_t batch_seqs = 0;
  /// The law's own unrounded numbers. A law in N and D is asked at the proposed shape and its D.
  std::optional<double> law_batch_tokens, law_peak_lr, law_flops_per_token, law_tokens;
  std::optional<Prediction> loss_nats, bits_per_byte;
  /// At the loss that the budget buys; sizes in the unit of the law's surface.
  std::optional<InferenceAware> inference_aware;
  LossLaw::Scale inference_scale = LossLaw::Scale::params;
  std::optional<double> gpu_hours;   // over all GPUs
  std::optional<double> wall_hours;  // gpu_hours / n_gpus
  std::optional<double> price;
  double extrapolation = 1;  // budget / largest budget behind the law; 1 inside its range
  std::vector<std::string> warnings;

  [[nodiscard]] bool trainable() const { return missing.empty(); }
};

/// Deterministic and without I/O. Rounds the shape to the ladder, then spends what is left of the
/// budget on tokens, so that the proposal never exceeds compute_budget.
/// Throws Error(invalid_argument) for a budget that is not positive and finite or does not pay for
/// one sequence of the smallest model, for a request outside its domain, and for a law that has
/// neither an allocation with coefficients nor a loss law.
[[nodiscard]] Proposal propose(const ProposalRequest& request, const Law& law);

/// The isoflop.proposal/1 answer.
[[nodiscard]] std::string to_json(const Proposal& proposal);

}  // namespace isoflop
