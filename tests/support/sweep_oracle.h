// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "isoflop/law.h"
#include "isoflop/point.h"

namespace isoflop::test {

/// A sweep whose losses come from a known surface instead of training.
struct SweepOracle {
  LossLaw surface;
  std::vector<double> budgets;
  int n_sizes = 9;
  double half_width = 4;  // sizes from optimum / half_width to optimum * half_width
  double noise = 0;       // relative, of each loss
  double tau = 0;         // shift of ln(optimum) per budget, normal
  std::uint64_t seed = 0;

  [[nodiscard]] double optimum(double compute) const {
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
    for (const double budget : budgets) {
      const double shift = std::exp(tau * rng.normal(draw++));
      // With a scaled by shift^(alpha + beta) the whole surface's optimum moves by `shift`.
      LossLaw shifted = surface;
      shifted.a *= std::pow(shift, surface.alpha + surface.beta);
      for (int i = 0; i < n_sizes; ++i) {
        const double step = n_sizes > 1 ? 2.0 * i / (n_sizes - 1) - 1 : 0;
        const double size = optimum(budget) * std::pow(half_width, step);
        const double tokens = budget / (surface.flops_factor() * size);
        Point point;
        (surface.scale == LossLaw::Scale::params ? point.params : point.flops_per_token) = size;
        point.tokens = tokens;
        point.loss = shifted(size, tokens) * (1 + noise * rng.normal(draw++));
        point.budget = budget;
        point.compute = budget;
        set.points.push_back(point);
      }
    }
    return set;
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

}  // namespace isoflop::test
