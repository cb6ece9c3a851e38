// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/law.h"
#include "isoflop/overtraining.h"
#include "isoflop/run_spec.h"
#include "isoflop/shape_rules.h"

namespace isoflop {

struct ProposalRequest {
  Flops compute_budget;
  /// Default: what the law was fitted with, else 4096 and 102400 (arXiv:2401.02954).
  std::optional<std::int64_t> seq_len = {}, vocab_size = {};
  /// What the cluster asks of the shape.
  ShapeRules shape = {};
  /// Asked for batch size, learning rate and weight decay in the law's place, each by its own
  /// convention; a later one says what those before it leave open.
  std::vector<Law> hyper_laws = {};
  /// In place of what the laws say.
  std::optional<std::int64_t> batch_tokens = {};
  std::optional<double> peak_lr = {};
  /// In place of the recipe of the runs behind the law, and of our defaults.
  TrainingRecipe recipe = {};
  /// The data at hand, where they are named.
  std::string dataset = {}, tokenizer = {};
  /// Unique tokens at hand. More than that means epochs, and a warning.
  std::optional<double> data_tokens = {};
  /// Tokens the model will read and write in use. Needs a law with a loss surface, and splits whose
  /// training repeats no data_tokens.
  std::optional<double> inference_tokens = {};
  /// For the cost: peak FLOP/s of one GPU, how many, the share of the peak that the model's own
  /// FLOPs (convention `exact`: head included, no recomputation) reach (default: kUsualMfu), price
  /// per GPU-hour.
  std::optional<double> gpu_peak_flops = {}, mfu = {}, price_per_gpu_hour = {};
  std::optional<std::int64_t> n_gpus = {};
};

/// Assumed where nothing is said: what dense models of billions of parameters reach on H100s in
/// public reports (Llama 3, arXiv:2407.21783, table 4: 0.38 to 0.43).
inline constexpr double kUsualMfu = 0.4;

/// A number and where it lies with 90 %.
struct Prediction {
  double value = 0, low = 0, high = 0;
};

/// What the law expects of a run of `shape` over `tokens`, by the law's metric: its frontier at the
/// run's compute, raised by what its surface says the run's split is off the best one; else the
/// surface alone; nothing where it has neither. Where only `unique_tokens` are distinct the run is
/// worth effective_tokens() of fresh ones: the surface is asked at these, a frontier alone at what
/// they cost.
[[nodiscard]] std::optional<Prediction> predict(const Law& law, const ModelShape& shape,
                                                Tokens tokens,
                                                std::optional<double> unique_tokens = {});

/// `compute` over the largest budget behind the law; 1 inside its range, or where it states none.
[[nodiscard]] double extrapolation(const Law& law, Flops compute);

/// Where a part of a proposal comes from, in words: "given", "law x", "the runs behind law x".
struct Provenance {
  std::string part, from;
};

/// Weight decay by a law of AdamW's timescale (isoflop/weight_decay.h).
struct WeightDecayAdvice {
  std::string law_id = {};
  double value = 0;
  double timescale = 0;           // of AdamW, with that value
  double proposed_timescale = 0;  // with the proposal's weight decay; 0 where that is 0
  double tokens_per_param = 0;    // N as the law counts it
  bool in_range = false;          // of the sizes behind it
};

/// What the fit behind the law says of its split at this budget.
struct Reliability {
  ExtrapolationLight light = ExtrapolationLight::ok;
  std::string reason;                           // of the light, in words
  std::optional<HoldoutEvidence> holdout = {};  // none: no budget was left out
  std::optional<Interval> flops_per_token = {},
                          tokens = {};  // of the optimum, 90 %, by the law's convention
  /// Of the budget, by the law's surface, if the optimum is at the end that costs more.
  std::optional<double> worst_waste = {};
};

/// A training recipe. What the law does not say is absent.
struct Proposal {
  std::string law_id;
  FlopsConvention convention =
      FlopsConvention::deepseek_m_actual;  // of the law, with real matrices
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
  std::optional<double> forecast_flops_per_token = {};  // median, of laws that keep a forecast
  /// The laws' own unrounded numbers. A law in N and D is asked at the proposed shape and its D.
  std::optional<double> law_batch_tokens, law_peak_lr, law_flops_per_token, law_tokens;
  std::optional<Prediction> loss_nats, bits_per_byte;
  std::optional<Reliability> reliability;  // of laws that keep their evidence
  /// At the loss that the budget buys; sizes in the unit of the law's surface.
  std::optional<InferenceAware> inference_aware;
  LossLaw::Scale inference_scale = LossLaw::Scale::params;
  std::optional<Flops> exact_compute;  // of the run by `exact`, head included: what hours count
  std::optional<double> gpu_hours;     // over all GPUs
  std::optional<double> wall_hours;    // gpu_hours / n_gpus
  std::optional<double> price;
  std::int64_t n_gpus = 1;
  std::optional<double> mfu;  // that the hours rest on
  bool mfu_assumed = false;
  std::string dataset;           // where one is named
  std::optional<double> epochs;  // over the unique tokens, where they are known
  /// Power Lines' beside the proposed one, where batch and learning rate are known.
  std::optional<WeightDecayAdvice> power_lines;
  /// By the law that the proposed weight decay is of, where it is of one.
  std::optional<WeightDecayAdvice> law_weight_decay;
  /// Of vocabulary, sequence length, batch, rate and every value of the recipe.
  std::vector<Provenance> provenance;
  double extrapolation = 1;           // budget / largest budget behind the law; 1 inside its range
  std::vector<std::string> warnings;  // each with something to do
  std::vector<std::string> remarks;   // what was done, and asks for nothing

  [[nodiscard]] bool trainable() const { return missing.empty(); }
};

/// Deterministic and without I/O. Takes the nearest shape that can be trained (shape_near()), then
/// spends what is left of the budget on tokens, so that the proposal never exceeds compute_budget.
/// Throws Error(invalid_argument) for a budget that is not positive and finite or does not pay for
/// one sequence of the smallest model, for a request outside its domain, and for a law that has
/// neither an allocation with coefficients nor a loss law.
[[nodiscard]] Proposal propose(const ProposalRequest& request, const Law& law);

/// The proposal as a page to read.
[[nodiscard]] std::string proposal_text(const Proposal& proposal);

/// The isoflop.proposal/1 answer.
[[nodiscard]] std::string to_json(const Proposal& proposal);

}  // namespace isoflop
