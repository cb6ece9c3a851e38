// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/estimate.h"

namespace isoflop {

/// Standard deviation of one run's metric L over seeds, sd(L) = s0 exp(s1 (L - mean)), by maximum
/// likelihood from the variances of cells that were run with several seeds.
struct SeedNoise {
  double s0 = 0, s1 = 0, mean = 0;
  Interval s0_interval;
  std::int64_t n_cells = 0;
  std::int64_t dof = 0;  // runs beyond the first of each cell
  [[nodiscard]] double operator()(double metric) const {
    return s0 * std::exp(s1 * (metric - mean));
  }
};

/// What an interval is worth in runs, if intervals shrink as n^-1/2.
struct IntervalWorth {
  std::string of;
  Interval interval;
  double noise_width = 0;    // the width that the noise of the runs alone would give
  double runs_needed = 0;    // by noise alone, for an interval as narrow as this one
  double runs_to_halve = 0;  // runs like these to add until it is half as wide
};

/// How much the points know.
struct SampleSize {
  std::int64_t n_runs = 0;
  std::int64_t n_independent = 0;  // trunks, and runs that share none
  /// (sum w)^2 / sum w^2 over them, w the number of their runs (Kish).
  double effective = 0;
  std::optional<SeedNoise> seed_noise;
  /// Relative sd of one run: over seeds, about the parabolas or about the grids' surfaces,
  /// whichever is largest.
  double run_noise = 0;
  /// Least relative difference of loss that one run of each of two recipes shows with a power of
  /// 80 % in a two-sided test at 5 %.
  std::optional<double> detectable_difference;
  std::vector<IntervalWorth> intervals;
};

/// Runs that an interval of `width` takes where `n_runs` give `noise_width`: n (noise_width /
/// width)^2. arXiv:2404.10102 asks this of the intervals of arXiv:2203.15556.
[[nodiscard]] inline double runs_needed(double n_runs, double noise_width, double width) {
  return n_runs * (noise_width / width) * (noise_width / width);
}

}  // namespace isoflop
