// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "fit/points/curves.h"
#include "fit/points/settings.h"

namespace isoflop::test {

/// Grids of rate and batch at each N and D about planted laws. The loss is a parabola in ln B and
/// in ln lr about lr(N, D, B); steps of 2, curvatures of Step Law's runs (docs/laws.md).
struct RecipeSweep {
  RateAtBatchLaw rate = {1.5, -0.6, -0.3, 0.8};
  std::vector<double> params = {1e8, 3e8, 1e9}, tokens = {4e9, 2e10, 1e11};
  double noise = 0, cell_scatter = 0;  // of ln metric of a run; of a cell's own ln lr
  std::uint64_t seed = 1;
  /// Timescale of AdamW; no grid of weight decays without one.
  PowerLaw timescale = {1.084, -0.527};
  int n_decays = 0;

  [[nodiscard]] static double best_batch(double n, double d) {
    return 0.6 * std::pow(n, 0.05) * std::pow(d, 0.52);
  }

  /// A run as the laws have it.
  [[nodiscard]] double metric_of(double n, double d, double batch, double lr) const {
    const double b = std::log(batch / best_batch(n, d));
    const double r = std::log(lr / rate(n, d, batch));
    return 2.3 * std::exp((0.012 * b * b + 0.0145 * r * r) / 2);
  }

  [[nodiscard]] std::vector<GridCell> cells() const {
    std::vector<GridCell> result;
    const Rng rng(seed);
    std::uint64_t draw = 0;
    for (const double n : params) {
      for (const double d : tokens) result.push_back(cell(n, d, rng, draw));
    }
    return result;
  }

 private:
  [[nodiscard]] GridCell cell(double n, double d, const Rng& rng, std::uint64_t& draw) const {
    GridCell cell;
    cell.budget = cell.compute = 6 * n * d;
    const double own = cell_scatter * rng.normal(draw++);
    const double round_batch = std::exp2(std::round(std::log2(best_batch(n, d))));
    const double round_rate = std::exp2(std::round(std::log2(rate(n, d, round_batch))));
    const int half = n_decays > 0 ? 0 : 3;
    for (int i = -half / 2; i <= half / 2; ++i) {
      for (int j = -half; j <= half; ++j) {
        for (int k = 0; k < std::max(1, n_decays); ++k) {
          Sample sample;
          sample.params = sample.scale = n;
          sample.tokens = d;
          sample.compute = cell.compute;
          sample.batch_tokens = round_batch * std::exp2(i);
          sample.peak_lr = round_rate * std::exp2(j);
          const double b = std::log(*sample.batch_tokens / best_batch(n, d));
          const double r = std::log(*sample.peak_lr / rate(n, d, *sample.batch_tokens)) - own;
          double ln_metric = std::log(2.3) + (0.012 * b * b + 0.0145 * r * r) / 2;
          if (n_decays > 0) {
            sample.weight_decay = 0.0125 * std::exp2(k);
            const double tau = *sample.batch_tokens / (*sample.peak_lr * *sample.weight_decay * d);
            const double t = std::log(tau / timescale(d / n)) - own;
            ln_metric += 0.005 * t * t / 2;
          }
          sample.metric = std::exp(ln_metric + noise * rng.normal(draw++));
          cell.samples.push_back(sample);
        }
      }
    }
    return cell;
  }
};

}  // namespace isoflop::test
