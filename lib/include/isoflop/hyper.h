// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "isoflop/estimate.h"
#include "isoflop/law.h"

namespace isoflop {

/// What one batch/learning-rate grid says: geometric means over its near-optimal runs.
struct HyperCell {
  double budget = 0, compute = 0, params = 0, tokens = 0;
  double best_metric = 0;
  double batch_tokens = 0, peak_lr = 0;
  std::int64_t n_runs = 0, n_near_optimal = 0;
  /// A near-optimal run has the largest or smallest of the grid's values: the band goes on outside.
  bool batch_at_edge = false, peak_lr_at_edge = false;
};

struct HyperFit {
  double band = 0.0025;               // near-optimal: metric at most (1 + band) x the cell's best
  std::optional<double> noise;        // sd of ln metric about a smooth surface, where it is known
  PowerLawFit batch_tokens, peak_lr;  // of C
  std::optional<HyperLawNd::Form> peak_lr_nd, batch_tokens_d;
  double peak_lr_nd_residual_sd = 0, batch_tokens_d_residual_sd = 0;
  std::int64_t n_cells = 0, n_near_optimal = 0;
  std::vector<HyperCell> cells;  // ascending in budget
};

}  // namespace isoflop
