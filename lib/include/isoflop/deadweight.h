// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/law.h"

namespace isoflop {

/// What training a model of another size than the optimal one costs, by a loss law. The share is
/// the same at every budget: with r = (beta x^-alpha + alpha x^beta) / (alpha + beta), x = size /
/// optimum, the reducible loss is r times the optimum's, and a budget of r^(-1/gamma) C, gamma =
/// alpha beta / (alpha + beta), would have bought it.
struct Deadweight {
  double size_ratio = 1;          // x
  double excess_loss = 0;         // above the budget's best
  double wasted_share = 0;        // 1 - C_eq / C
  double equivalent_compute = 0;  // C_eq: buys the same loss at its own optimum [FLOPs]
  double wasted_compute = 0;      // C - C_eq [FLOPs]
};

/// Of a model of `size_ratio` times the optimal size, trained with `compute`. Throws
/// Error(invalid_argument) unless both are finite and > 0, and as optimal_allocation() does.
[[nodiscard]] Deadweight deadweight(const LossLaw& law, double compute, double size_ratio);

/// Whether every term of the law falls: only then is there a best split of a budget.
[[nodiscard]] bool has_optimum(const LossLaw& law);

/// Size and tokens of the least loss that `compute` buys by a loss law, and that loss.
struct Optimum {
  double size = 0, tokens = 0, loss = 0;
};
[[nodiscard]] Optimum optimum_of(const LossLaw& law, double compute);

/// Sizes from `low` to `high` have a loss of at most (1 + excess) times the budget's best.
struct FlatRange {
  double excess = 0;  // relative, of the loss
  double low = 0, high = 0;
};
[[nodiscard]] FlatRange flat_range(const LossLaw& law, double compute, double excess);

/// What FLOPs take of a GPU's time, and cost.
struct ComputeRate {
  double gpu_peak_flops = 0;  // [FLOP/s]
  double mfu = 0;             // share of the peak
  std::optional<double> price_per_gpu_hour = {};
  [[nodiscard]] double gpu_hours(double flops) const {
    return flops / (gpu_peak_flops * mfu) / 3600;
  }
  [[nodiscard]] std::optional<double> price(double flops) const {
    if (!price_per_gpu_hour) return std::nullopt;
    return gpu_hours(flops) * *price_per_gpu_hour;
  }
};

}  // namespace isoflop
