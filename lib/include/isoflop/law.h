// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/evidence.h"
#include "isoflop/interval.h"
#include "isoflop/model_shape.h"
#include "isoflop/quantity.h"
#include "isoflop/training_recipe.h"

namespace isoflop {

/// y = coefficient * x^exponent.
struct PowerLaw {
  double coefficient = 0;
  double exponent = 0;
  [[nodiscard]] double operator()(double x) const { return coefficient * std::pow(x, exponent); }
};

enum class Metric { loss_nats, bits_per_byte };
[[nodiscard]] std::string_view to_string(Metric);

/// What a number means. Two values may be compared or fitted together only if their frames are
/// equal; require_same_frame() is the only place that decides.
struct Frame {
  std::string dataset;
  std::string tokenizer;  // empty where it was not stated
  Metric metric = Metric::loss_nats;
  FlopsConvention convention = FlopsConvention::deepseek_m_actual;
  bool operator==(const Frame&) const = default;
};

/// Throws Error(frame_mismatch) naming the field that differs and both values.
void require_same_frame(const Frame& a, const Frame& b, std::string_view what);

/// The compute-optimal split of C. An exponent may be known without its coefficient (a paper that
/// prints only exponents); then the split itself cannot be proposed.
struct AllocationLaw {
  PowerLaw flops_per_token;  // C -> M_opt
  PowerLaw tokens;           // C -> D_opt
  bool exponents_only = false;
};

/// Near-optimal batch size and learning rate from the budget alone (arXiv:2401.02954, eq. 1).
struct HyperLaw {
  PowerLaw batch_tokens;  // C -> B_opt [tokens]
  PowerLaw peak_lr;       // C -> lr_opt
  /// Largest budget behind it, where that is not the law's own fitted_to.
  std::optional<Flops> fitted_to = std::nullopt;
};

/// The same from model and data (Step Law, arXiv:2503.04715; Porian et al., arXiv:2406.19146):
/// lr = coefficient * N^exponent_params * D^exponent_tokens, N non-embedding parameters.
struct HyperLawNd {
  struct Form {
    double coefficient = 0, exponent_params = 0, exponent_tokens = 0;
    [[nodiscard]] double operator()(double params, double tokens) const {
      return coefficient * std::pow(params, exponent_params) * std::pow(tokens, exponent_tokens);
    }
  };
  Form batch_tokens;
  Form peak_lr;
};

/// The best learning rate of a batch that need not be the best one:
/// lr = coefficient * N^exponent_params * D^exponent_tokens * B^exponent_batch, B in tokens.
struct RateAtBatchLaw {
  double coefficient = 0, exponent_params = 0, exponent_tokens = 0, exponent_batch = 0;
  [[nodiscard]] double operator()(double params, double tokens, double batch_tokens) const {
    return coefficient * std::pow(params, exponent_params) * std::pow(tokens, exponent_tokens) *
           std::pow(batch_tokens, exponent_batch);
  }
};

/// The AdamW timescale of least loss, tau = B / (lr * weight_decay * D), from tokens per parameter
/// (Power Lines, arXiv:2505.13738): D/N -> tau. weight_decay.h asks it for a weight decay.
struct WeightDecayLaw {
  PowerLaw timescale;
};

/// What the runs behind laws of batch, rate and weight decay covered, where it is known.
struct TunedOn {
  std::optional<Interval> params = {}, tokens = {}, batch_tokens = {}, tokens_per_param = {},
                          weight_decay = {};
  [[nodiscard]] bool empty() const {
    return !params && !tokens && !batch_tokens && !tokens_per_param && !weight_decay;
  }
};

/// How a published law's constants came here. printed: read where they were published; recomputed:
/// by a fit of ours to what was published; secondary: as others quote them, not read at the source.
enum class SourceMark { printed, recomputed, secondary };
[[nodiscard]] std::string_view to_string(SourceMark);

/// L(N, D) = irreducible + a / N^alpha + b / D^beta  (Chinchilla's approach 3), N in the unit that
/// `scale` names.
struct LossLaw {
  enum class Scale { params, flops_per_token };
  double irreducible = 0, a = 0, alpha = 0, b = 0, beta = 0;
  Scale scale = Scale::flops_per_token;
  /// k of C = k * size * tokens: 6 for params, 1 for flops_per_token.
  [[nodiscard]] double flops_factor() const { return scale == Scale::params ? 6 : 1; }
  [[nodiscard]] double operator()(double size, double tokens) const {
    return irreducible + a * std::pow(size, -alpha) + b * std::pow(tokens, -beta);
  }
};

[[nodiscard]] std::string_view to_string(LossLaw::Scale);

/// Best loss a budget buys: L*(C) = irreducible + coefficient * C^exponent, exponent < 0.
struct FrontierLaw {
  double irreducible = 0, coefficient = 0, exponent = 0;
  /// Relative half-width of the 90 % prediction interval at one decade past the fitted range. It
  /// grows in proportion to the decades beyond that.
  std::optional<double> relative_error = std::nullopt;
  [[nodiscard]] double operator()(double compute) const {
    return irreducible + coefficient * std::pow(compute, exponent);
  }
};

/// Everything known about one data set. Absent parts were not published or not fitted; nothing is
/// defaulted in.
struct Law {
  std::string id;
  std::string source;  // citation with equation or table; for ours the experiment
  std::optional<SourceMark> mark = std::nullopt;  // absent: printed, or our own fit
  Frame frame;
  std::optional<Flops> fitted_from, fitted_to;
  std::optional<AllocationLaw> allocation;
  std::optional<HyperLaw> hyper;
  std::optional<HyperLawNd> hyper_nd;
  std::optional<RateAtBatchLaw> peak_lr_at_batch = std::nullopt;
  std::optional<WeightDecayLaw> weight_decay = std::nullopt;
  TunedOn tuned_on = {};
  std::optional<LossLaw> loss;
  std::optional<FrontierLaw> frontier;
  /// For our own fits: what they say these laws are worth.
  std::optional<Evidence> evidence = std::nullopt;
  /// For our own fits: what a proposal inherits from the runs behind the law.
  std::optional<std::int64_t> vocab_size, seq_len;
  TrainingRecipe recipe = {};
  /// What to know before using it, in words; proposals repeat it.
  std::string note = {};
};

/// The split of `compute` that minimises a loss law, in closed form (arXiv:2203.15556, eq. 4):
/// N_opt = G (C/k)^(beta/(alpha+beta)), G = (alpha a / (beta b))^(1/(alpha+beta)), where
/// C = k N D: k is 6 for Scale::params and 1 for Scale::flops_per_token.
[[nodiscard]] AllocationLaw optimal_allocation(const LossLaw& law);

/// The split a law proposes: its own allocation, else that of its loss law; nothing where it has
/// neither, or knows exponents only.
[[nodiscard]] std::optional<AllocationLaw> allocation_of(const Law& law);

/// Reads one isoflop.law/1 file. Throws Error(parse) with file and JSON path: an unknown key, a
/// missing one, a value outside its domain.
[[nodiscard]] Law load_law(const std::filesystem::path& file);
/// The isoflop.law/1 document.
[[nodiscard]] std::string to_json(const Law& law);
/// Writes atomically; load_law() reads back equal doubles.
void save_law(const Law& law, const std::filesystem::path& file);

/// The laws in `folder`/{published,fitted}/*.json, by id. Throws as load_law() does, and where a
/// file is not named after its law or two laws share an id.
[[nodiscard]] std::vector<Law> load_law_book(const std::filesystem::path& folder);

}  // namespace isoflop
