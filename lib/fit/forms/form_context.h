// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "fit/points/sample.h"
#include "stats/curve_model.h"

namespace isoflop {

/// A number that mixtures of experts have beside size and tokens.
struct ExpertsAxis {
  double log0 = 0;        // geometric mean; 0 where a run has none
  double log_target = 0;  // of the runs of the largest compute
  bool complete = false;  // every run has one
  std::int64_t n_distinct = 0;
  double spread = 0;  // rms of its logarithm about a line in ln size and ln tokens
};

/// What the formulas are written in: u = ln(size / size0), v = ln(tokens / tokens0), and w =
/// ln(unique tokens / tokens0), about geometric means of the points. That takes the near-dependence
/// of the coefficients on the exponents out.
struct FormContext {
  double log_size0 = 0, log_tokens0 = 0;
  double flops_factor = 6;            // k of C = k size tokens
  double params_per_size = 1;         // N / size: 1, or 1/6 where the size is FLOPs per token
  double lowest = 0, mean = 0;        // of the metric
  std::optional<double> upper_bound;  // of the metric: ln V
  bool repeats = false;               // some run saw its unique tokens more than once

  double log_batch0 = 0;     // batch_tokens, geometric mean; 0 where a run has none
  bool has_batches = false;  // every run has one
  /// Rms of ln batch about a line in ln size and ln tokens: what tells the batch from both.
  double batch_spread = 0;
  std::int64_t n_repeated = 0;  // runs with repeats
  /// Rms of ln repeats, and of ln(size / unique tokens) about a line in it, of those runs.
  double repeats_spread = 0, overload_spread = 0;

  ExpertsAxis n_experts, granularity;
};

[[nodiscard]] FormContext form_context(std::span<const Sample> samples, double params_per_size,
                                       std::optional<double> upper_bound);

/// u, v, w.
[[nodiscard]] Inputs form_inputs(const FormContext& context, const Sample& sample);

/// tokens / unique tokens - 1: passes over the data beyond the first. 0 for fresh data.
[[nodiscard]] double repeats_of(const Sample& sample);

}  // namespace isoflop
