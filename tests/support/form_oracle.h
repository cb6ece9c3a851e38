// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "fit/points/sample.h"
#include "support/sweep_oracle.h"

namespace isoflop::test {

/// Runs whose losses come from one of the wider forms, and its parameters as they are published.
struct FormDraw {
  std::vector<Sample> samples;
  std::vector<double> truth;
};

/// Numbers of a seed, one after the other.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : rng_(seed, 5) {}
  double uniform(double low, double high) { return low + (high - low) * rng_.uniform(draw_++); }
  double spread(double low, double high) {
    return std::exp(uniform(std::log(low), std::log(high)));
  }
  double normal() { return rng_.normal(draw_++); }

 private:
  Rng rng_;
  std::uint64_t draw_ = 0;
};

inline Sample run_of(double size, double tokens, double loss) {
  Sample sample;
  sample.scale = sample.params = size;
  sample.tokens = tokens;
  sample.compute = 6 * size * tokens;
  sample.metric = loss;
  return sample;
}

/// A sweep of random_sweep() without shifts; k of 0.35 to 0.9, or 1 where `has_effect` is false.
inline FormDraw draw_skaling(std::uint64_t seed, bool has_effect) {
  Numbers numbers(seed);
  SweepOracle sweep = random_sweep(seed);
  sweep.noise = sweep.tau = sweep.trunk_share = 0;
  const double k = has_effect ? numbers.uniform(0.35, 0.9) : 1;
  const LossLaw& law = sweep.surface;
  FormDraw draw;
  draw.truth = {law.irreducible, std::pow(law.a, 1 / k), std::pow(law.b, 1 / k),
                law.alpha / k,   law.beta / k,           k};
  for (const Point& point : sweep.points().points) {
    const double n = law.a * std::pow(*point.params, -law.alpha);
    const double d = law.b * std::pow(point.tokens, -law.beta);
    const double loss = law.irreducible + std::pow(std::pow(n, 1 / k) + std::pow(d, 1 / k), k);
    draw.samples.push_back(run_of(*point.params, point.tokens, loss));
  }
  return draw;
}

/// 5 sizes x 5 lengths x 3 batches, a factor of 4 apart; without effect B is 0.
inline FormDraw draw_three_term(std::uint64_t seed, bool has_effect) {
  Numbers numbers(seed);
  const double e = numbers.uniform(0.5, 2);
  const double a = numbers.uniform(0.2, 0.6);
  const double b = numbers.uniform(0.3, 0.8);
  const double g = numbers.uniform(0.25, 0.6);
  constexpr double kSize = 1e8, kTokens = 1e9, kBatch = 2.5e5;
  const double size_term = numbers.uniform(0.2, 1) * std::pow(kSize, a);
  const double batch_term = has_effect ? numbers.uniform(0.05, 0.4) * std::pow(kBatch, b) : 0;
  const double step_term = numbers.uniform(0.2, 1) * std::pow(kTokens / kBatch, g);
  FormDraw draw;
  draw.truth = {e, size_term, batch_term, step_term, a, b, g};
  for (int i = -2; i <= 2; ++i) {
    for (int j = -2; j <= 2; ++j) {
      for (int m = -1; m <= 1; ++m) {
        const double size = kSize * std::pow(3.0, i);
        const double tokens = kTokens * std::pow(3.0, j);
        const double batch = kBatch * std::pow(1.5, j) * std::pow(4.0, m);
        draw.samples.push_back(run_of(size, tokens,
                                      e + size_term * std::pow(size, -a) +
                                          batch_term * std::pow(batch, -b) +
                                          step_term * std::pow(tokens / batch, -g)));
        draw.samples.back().batch_tokens = batch;
      }
    }
  }
  return draw;
}

/// 6 sizes x 6 lengths on data sets of two sizes; without effect P is 0.
inline FormDraw draw_damage(std::uint64_t seed, bool has_effect) {
  Numbers numbers(seed);
  const double e = numbers.uniform(0.5, 2);
  const double alpha = numbers.uniform(0.2, 0.6);
  const double beta = numbers.uniform(0.2, 0.6);
  const double delta = numbers.uniform(0.5, 1.5);
  const double kappa = numbers.uniform(0.2, 1);
  constexpr double kSize = 1e8, kTokens = 3e9;
  const double size_term = numbers.uniform(0.2, 1) * std::pow(kSize, alpha);
  const double data_term = numbers.uniform(0.2, 1) * std::pow(kTokens, beta);
  const double damage = numbers.uniform(0.02, 0.2) * std::pow(3.0, -delta) * std::pow(0.1, -kappa);
  FormDraw draw;
  draw.truth = {e, size_term, data_term, alpha, beta, has_effect ? damage : 0, delta, kappa};
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 6; ++j) {
      const double size = kSize * std::pow(2.5, i - 2.5);
      const double tokens = kTokens * std::pow(2.5, j - 2.5);
      const double unique = std::min(tokens, (i + j) % 2 == 0 ? 5e8 : 2e9);
      const double repeats = tokens / unique - 1;
      double loss = e + size_term * std::pow(size, -alpha) + data_term * std::pow(tokens, -beta);
      if (has_effect && repeats > 0) {
        loss += damage * std::pow(repeats, delta) * std::pow(size / unique, kappa);
      }
      draw.samples.push_back(run_of(size, tokens, loss));
      draw.samples.back().unique_tokens = unique;
    }
  }
  return draw;
}

/// 5 sizes x 5 lengths x 4 granularities or numbers of experts, a factor of 2 apart or 4.
struct ExpertsGrid {
  static constexpr double kSize = 1e8, kTokens = 3e9;
  template <class Loss>
  static void fill(std::optional<double> Sample::*member, double step, const Loss& loss,
                   std::vector<Sample>& samples) {
    for (int i = -2; i <= 2; ++i) {
      for (int j = -2; j <= 2; ++j) {
        for (int k = 0; k < 4; ++k) {
          const double size = kSize * std::pow(2.5, i), tokens = kTokens * std::pow(2.5, j);
          const double value = std::pow(step, k);
          samples.push_back(run_of(size, tokens, loss(size, tokens, value)));
          samples.back().*member = value;
        }
      }
    }
  }
};

/// g of 0.3 to 1.5 of a; without effect g is 0.
inline FormDraw draw_granularity(std::uint64_t seed, bool has_effect) {
  Numbers numbers(seed);
  const double e = numbers.uniform(0.5, 2);
  const double alpha = numbers.uniform(0.2, 0.6), beta = numbers.uniform(0.2, 0.6);
  const double gamma = numbers.uniform(0.3, 1);
  const double a = numbers.uniform(0.2, 1) * std::pow(ExpertsGrid::kSize, alpha);
  const double g = has_effect ? numbers.uniform(0.3, 1.5) * a : 0;
  const double b = numbers.uniform(0.2, 1) * std::pow(ExpertsGrid::kTokens, beta);
  FormDraw draw;
  draw.truth = {e, a, g, b, gamma, alpha, beta};
  ExpertsGrid::fill(
      &Sample::granularity, 2,
      [&](double size, double tokens, double value) {
        return e + (a + g * std::pow(value, -gamma)) * std::pow(size, -alpha) +
               b * std::pow(tokens, -beta);
      },
      draw.samples);
  return draw;
}

/// gamma and zeta of +-0.02; without effect E says nothing.
inline FormDraw draw_experts(std::uint64_t seed, bool has_effect) {
  Numbers numbers(seed);
  const double c = numbers.uniform(0.5, 2);
  const double alpha = numbers.uniform(0.2, 0.5), beta = numbers.uniform(0.2, 0.5);
  const double gamma = has_effect ? numbers.uniform(-0.02, 0.02) : 0;
  const double zeta = has_effect ? numbers.uniform(-0.02, 0.02) : 0;
  const double x = std::log(ExpertsGrid::kSize), y = std::log(ExpertsGrid::kTokens);
  // At the centre of sizes and tokens 4 times the experts take 10 to 25 % off the term, or add
  // some.
  const double d = has_effect ? gamma * x - numbers.uniform(0.08, 0.2) : 0;
  const double w = has_effect ? zeta * y + numbers.uniform(-0.05, 0.05) : 0;
  const double a = numbers.uniform(0.2, 1) * std::exp(alpha * x);
  const double b = numbers.uniform(0.2, 1) * std::exp(beta * y);
  FormDraw draw;
  draw.truth = {c, a, b, alpha, beta, d, w, gamma, zeta};
  ExpertsGrid::fill(
      &Sample::n_experts, 4,
      [&](double size, double tokens, double value) {
        const double n = std::log(value);
        return c + a * std::exp(d * n - (alpha + gamma * n) * std::log(size)) +
               b * std::exp(w * n - (beta + zeta * n) * std::log(tokens));
      },
      draw.samples);
  return draw;
}

/// One of a form's data sets, each loss times 1 + noise * a normal number.
inline FormDraw draw_form(const std::string& form, std::uint64_t seed, bool has_effect,
                          double noise = 0) {
  FormDraw draw = form == "skaling"           ? draw_skaling(seed, has_effect)
                  : form == "three_term"      ? draw_three_term(seed, has_effect)
                  : form == "moe_granularity" ? draw_granularity(seed, has_effect)
                  : form == "moe_experts"     ? draw_experts(seed, has_effect)
                                              : draw_damage(seed, has_effect);
  const Rng rng(seed, 6);
  for (std::size_t i = 0; i < draw.samples.size(); ++i) {
    draw.samples[i].metric *= 1 + noise * rng.normal(i);
  }
  return draw;
}

}  // namespace isoflop::test
