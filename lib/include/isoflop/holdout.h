// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// One of the largest `dropped` budgets, left out and predicted from those that remain.
struct HoldoutScore {
  std::int64_t dropped = 1;
  double compute = 0;  // the held-out budget [FLOPs]
  double ratio = 1;    // held-out budget / largest budget used
  /// isoflop: scale by the allocation law, loss by the frontier E + A C^-gamma. parametric: both by
  /// the surface.
  std::string method;
  double scale_error = 0;   // predicted / found optimum - 1
  double tokens_error = 0;  // the same of D; at a given compute (1 + scale_error)^-1 - 1
  double loss_error = 0;    // predicted / found optimum loss - 1
};

/// Errors of a prediction one way or another.
struct PredictionErrors {
  double scale = 0, tokens = 0, loss = 0;
};

/// What all hold-outs of one method say.
struct HoldoutSummary {
  std::string method;
  std::int64_t n_scores = 0;
  double largest_ratio = 1;
  PredictionErrors worst = {};              // signed, those of the largest magnitude
  PredictionErrors median_per_decade = {};  // magnitudes |ln(1 + error)| over the decades predicted
  /// A median size more than 30 %, or a median loss more than 3 % off per decade: worse than on
  /// published sweeps.
  bool is_poor = false;
};

/// By method, in the order in which they first appear.
[[nodiscard]] std::vector<HoldoutSummary> summarize(std::span<const HoldoutScore> scores);

/// The decades that a score's error is to be divided by: a factor of less than 2 in compute says
/// little per decade and counts as 2.
[[nodiscard]] double decades_of(const HoldoutScore& score);

}  // namespace isoflop
