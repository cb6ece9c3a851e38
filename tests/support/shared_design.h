// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "isoflop/law.h"
#include "isoflop/point.h"

namespace isoflop::test {

/// Runs that are no iso-FLOP sweep, most of them dependent on each other: grids of sizes and
/// lengths whose runs of one size share a trunk, and checkpoints of single runs.
struct SharedDesign {
  std::string_view name;
  int n_sizes = 6, n_lengths = 6;
  double size_step = 1.6, length_step = 1.6;  // factors
  double noise = 0.002;                       // of ln loss, of each point
  double offset = 0, slope = 0;               // of ln loss, per trunk; slope per e-fold of tokens
  bool named_trunks = true;                   // else by a repeated run_id
  bool evenly = false;     // lengths 1, 2, 3, ... times the first, as checkpoints are saved
  bool scattered = false;  // sizes and lengths at random
  double least_E = 1, most_E = 2.2;
};

inline constexpr std::array kSharedDesigns = {
    SharedDesign{.name = "trunk offsets", .offset = 0.01},
    SharedDesign{.name = "8 x 8", .n_sizes = 8, .n_lengths = 8, .offset = 0.01},
    SharedDesign{.name = "offsets alone", .noise = 0, .offset = 0.01},
    SharedDesign{.name = "small offsets", .offset = 0.002},
    SharedDesign{.name = "trunk slopes", .offset = 0.005, .slope = 0.003},
    SharedDesign{.name = "checkpoints",
                 .n_lengths = 12,
                 .size_step = 2,
                 .noise = 0.003,
                 .offset = 0.005,
                 .slope = 0.003,
                 .named_trunks = false,
                 .evenly = true},
    SharedDesign{.name = "near-equal sizes",
                 .n_sizes = 5,
                 .n_lengths = 12,
                 .size_step = 1.025,
                 .length_step = 1.12,
                 .noise = 0.0005,
                 .offset = 0.002},
    SharedDesign{
        .name = "few sizes", .n_sizes = 4, .n_lengths = 9, .size_step = 2.5, .offset = 0.004},
    SharedDesign{.name = "no trunks", .noise = 0.004, .named_trunks = false},
    SharedDesign{.name = "scattered",
                 .n_lengths = 8,
                 .noise = 0.005,
                 .named_trunks = false,
                 .scattered = true},
    SharedDesign{.name = "E near 0",
                 .noise = 0.01,
                 .named_trunks = false,
                 .scattered = true,
                 .least_E = 0,
                 .most_E = 0.6},
};

/// The truth behind the set of a seed.
inline LossLaw shared_truth(const SharedDesign& design, std::uint64_t seed) {
  const Rng rng(seed, 11);
  const auto uniform = [&](std::uint64_t i, double low, double high) {
    return low + (high - low) * rng.uniform(i);
  };
  LossLaw law{.scale = LossLaw::Scale::params};
  law.alpha = uniform(0, 0.28, 0.45);
  law.beta = uniform(1, 0.28, 0.45);
  law.irreducible = uniform(2, design.least_E, design.most_E);
  // 0.3 to 1 nat of each term at 1e8 parameters and 1e10 tokens.
  law.a = uniform(3, 0.3, 1) * std::pow(1e8, law.alpha);
  law.b = uniform(4, 0.3, 1) * std::pow(1e10, law.beta);
  return law;
}

inline PointSet shared_points(const SharedDesign& design, std::uint64_t seed) {
  const LossLaw law = shared_truth(design, seed);
  const Rng rng(seed, 12);
  std::uint64_t draw = 0;
  const bool shares = design.offset > 0 || design.slope > 0;
  const double log_size = std::log(1e8) - 0.5 * (design.n_sizes - 1) * std::log(design.size_step);
  PointSet set;
  set.frame = {.dataset = "shared", .tokenizer = "", .metric = Metric::loss_nats};
  for (int i = 0; i < design.n_sizes; ++i) {
    const double offset = design.offset * rng.normal(draw++);
    const double slope = design.slope * rng.normal(draw++);
    for (int j = 0; j < design.n_lengths; ++j) {
      const double middle = 0.5 * (design.n_lengths - 1);
      double x = log_size + i * std::log(design.size_step);
      double y = std::log(5e9) + (j - middle) * std::log(design.length_step);
      if (design.evenly) y = std::log(7.0 * std::exp(x) * (j + 1));
      if (design.scattered) {
        x = log_size + (design.n_sizes - 1) * std::log(design.size_step) * rng.uniform(draw++);
        y = std::log(5e9) + 2 * (rng.uniform(draw++) - 0.5) * middle * std::log(design.length_step);
      }
      const double far = design.evenly ? std::log((j + 1) / middle) : y - std::log(5e9);
      Point point;
      point.params = std::exp(x);
      point.tokens = std::exp(y);
      point.loss = law(*point.params, point.tokens) *
                   std::exp(design.noise * rng.normal(draw++) + offset + slope * far);
      point.label = "row " + std::to_string(set.points.size() + 2);
      if (shares && design.named_trunks) point.trunk = "t" + std::to_string(i);
      if (shares && !design.named_trunks) point.label = "run" + std::to_string(i);
      set.points.push_back(point);
    }
  }
  return set;
}

}  // namespace isoflop::test
