// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "isoflop/law.h"
#include "isoflop/point.h"
#include "stats/golden_section.h"

namespace isoflop::test {

/// A sweep whose losses come from a known surface instead of training.
/// What becomes of the terms n = a / N^alpha and d = b / D^beta. chinchilla: E + n + d. kaplan:
/// (n^(1 / beta) + d^(1 / beta))^beta. skaling: E + (n + d)^k, k = 0.6. interaction: E + n + d +
/// 0.3 n d.
enum class OracleForm { chinchilla, kaplan, skaling, interaction };

struct SweepOracle {
  LossLaw surface;
  std::vector<double> budgets;
  int n_sizes = 9;
  double half_width = 4;  // sizes from centre / half_width to centre * half_width
  double noise = 0;       // relative, of each loss
  double tau = 0;         // sideways shift of ln(size) per budget, normal
  std::uint64_t seed = 0;
  double centre = 1;            // of the first budget's sizes, over its optimum
  double drift = 1;             // factor on `centre` per decade of compute
  std::vector<int> sizes = {};  // by budget, in place of n_sizes
  double trunk_share = 0;       // of the noise's variance, common to runs of one size; 0: no trunks
  double mistuning = 0;         // relative loss per squared ln(size / optimum)
  OracleForm form = OracleForm::chinchilla;

  [[nodiscard]] double loss(double size, double tokens) const {
    const double n = surface.a * std::pow(size, -surface.alpha);
    const double d = surface.b * std::pow(tokens, -surface.beta);
    switch (form) {
      case OracleForm::kaplan:
        return std::pow(std::pow(n, 1 / surface.beta) + std::pow(d, 1 / surface.beta),
                        surface.beta);
      case OracleForm::skaling:
        return surface.irreducible + std::pow(n + d, 0.6);
      case OracleForm::interaction:
        return surface.irreducible + n + d + 0.3 * n * d;
      default:
        return surface(size, tokens);
    }
  }
  [[nodiscard]] double optimum(double compute) const {
    if (form != OracleForm::chinchilla) {
      const double product = compute / surface.flops_factor(), middle = 0.5 * std::log(product);
      return std::exp(golden_section(middle - 12, middle + 12, 1e-9, [&](double x) {
        return loss(std::exp(x), product / std::exp(x));
      }));
    }
    const double sum = surface.alpha + surface.beta;
    const double g = std::pow(surface.alpha * surface.a / (surface.beta * surface.b), 1 / sum);
    return g * std::pow(compute / surface.flops_factor(), surface.beta / sum);
  }
  [[nodiscard]] double exponent() const { return surface.beta / (surface.alpha + surface.beta); }

  [[nodiscard]] PointSet points() const {
    const Rng rng(seed);
    std::uint64_t draw = 0;
    PointSet set;
    set.frame = {.dataset = "oracle", .tokenizer = "", .metric = Metric::loss_nats};
    for (std::size_t b = 0; b < budgets.size(); ++b) {
      // The budget's curve slides sideways; its lowest loss stays.
      const double shift = std::exp(tau * rng.normal(draw++));
      for (const double size : sizes_of(b)) {
        const double tokens = budgets[b] / (surface.flops_factor() * size);
        const double offset = std::log(size / optimum(budgets[b]));
        const double own = rng.normal(draw++);
        Point point;
        (surface.scale == LossLaw::Scale::params ? point.params : point.flops_per_token) = size;
        point.tokens = tokens;
        point.loss = loss(size / shift, tokens * shift) * (1 + mistuning * offset * offset) *
                     (1 + noise * run_luck(size, own));
        point.budget = budgets[b];
        point.compute = budgets[b];
        if (trunk_share > 0) point.trunk = std::to_string(grid_index(size));
        set.points.push_back(point);
      }
    }
    return set;
  }

 private:
  [[nodiscard]] int count(std::size_t budget) const {
    return sizes.empty() ? n_sizes : sizes[budget];
  }
  [[nodiscard]] double step(std::size_t budget) const {
    return count(budget) > 1 ? 2 * std::log(half_width) / (count(budget) - 1) : 0;
  }
  /// Runs can share trunks where they share sizes: multiples of the first budget's step.
  [[nodiscard]] long grid_index(double size) const { return std::lround(std::log(size) / step(0)); }
  [[nodiscard]] std::vector<double> sizes_of(std::size_t budget) const {
    const double decades = std::log10(budgets[budget] / budgets[0]);
    const double middle = std::log(optimum(budgets[budget]) * centre * std::pow(drift, decades));
    std::vector<double> result;
    for (int i = 0; i < count(budget); ++i) {
      const double offset = i - 0.5 * (count(budget) - 1);
      const double own = std::exp(middle + offset * step(budget));
      const double index = std::round((middle / step(0)) + offset);
      result.push_back(trunk_share > 0 ? std::exp(index * step(0)) : own);
    }
    return result;
  }
  [[nodiscard]] double run_luck(double size, double own) const {
    if (!(trunk_share > 0)) return own;
    const Rng trunk(seed, static_cast<std::uint64_t>(grid_index(size)));
    return std::sqrt(trunk_share) * trunk.normal(0) + std::sqrt(1 - trunk_share) * own;
  }
};

/// Chinchilla's surface as Epoch refitted it (arXiv:2404.10102).
inline LossLaw epoch_surface() {
  return {.irreducible = 1.8172,
          .a = 482.01,
          .alpha = 0.3478,
          .b = 2085.43,
          .beta = 0.3658,
          .scale = LossLaw::Scale::params};
}

inline std::vector<double> geometric_budgets(double from, double ratio, int n) {
  std::vector<double> budgets;
  for (int i = 0; i < n; ++i) budgets.push_back(from * std::pow(ratio, i));
  return budgets;
}

/// The random sweep of a seed: surfaces, noise and designs as they are published. alpha and beta
/// from 0.2 to 0.6, E from 0 to 2.5, reducible loss at the first budget from 0.5 to 2.5 nats, 5 to
/// 100 tokens per parameter there; 4 to 8 budgets a factor of 2 to 3.2 apart; 5 to 11 sizes within
/// a factor of 2 to 8; noise 0.1 to 1 %; tau 0 in a third, else up to 0.15; sizes centred in half,
/// else off by up to 1.5 and drifting by up to 1.15 per decade; unequal numbers of sizes in a
/// third; shared trunks, with half of the variance, in a fifth.
inline SweepOracle random_sweep(std::uint64_t seed) {
  const Rng rng(seed, 1);
  std::uint64_t draw = 0;
  const auto uniform = [&](double low, double high) {
    return low + (high - low) * rng.uniform(draw++);
  };
  const auto spread = [&](double low, double high) {
    return std::exp(uniform(std::log(low), std::log(high)));
  };
  SweepOracle sweep;
  sweep.seed = seed;
  LossLaw& surface = sweep.surface;
  surface.scale = LossLaw::Scale::params;
  surface.alpha = uniform(0.2, 0.6);
  surface.beta = uniform(0.2, 0.6);
  surface.irreducible = uniform(0, 2.5);
  const double first = spread(1e17, 1e19);
  const double reducible = uniform(0.5, 2.5);
  const double params = std::sqrt(first / 6 / spread(5, 100));
  const double sum = surface.alpha + surface.beta;
  surface.a = reducible * surface.beta / sum * std::pow(params, surface.alpha);
  surface.b = reducible * surface.alpha / sum * std::pow(first / 6 / params, surface.beta);
  const int n_budgets = 4 + static_cast<int>(rng.below(5, draw++));
  sweep.budgets = geometric_budgets(first, uniform(2, 3.2), n_budgets);
  sweep.n_sizes = 5 + static_cast<int>(rng.below(7, draw++));
  sweep.half_width = spread(2, 8);
  sweep.noise = spread(0.001, 0.01);
  sweep.tau = std::max(0.0, uniform(-0.075, 0.15));
  if (rng.below(2, draw++) == 0) {
    sweep.centre = spread(1 / 1.5, 1.5);
    sweep.drift = spread(1 / 1.15, 1.15);
  }
  if (rng.below(3, draw++) == 0) {
    for (int i = 0; i < n_budgets; ++i) {
      sweep.sizes.push_back(5 + static_cast<int>(rng.below(7, draw++)));
    }
  }
  if (rng.below(5, draw++) == 0) sweep.trunk_share = 0.5;
  return sweep;
}

}  // namespace isoflop::test
