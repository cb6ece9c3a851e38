// SPDX-License-Identifier: Apache-2.0
// What a fit is worth: how it predicts budgets that were left out, what it says beyond the data,
// and how much the points know.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "isoflop/deadweight.h"
#include "isoflop/estimate.h"
#include "isoflop/extrapolation.h"

namespace isoflop {

/// One of the largest `dropped` budgets, left out and predicted from those that remain.
struct HoldoutScore {
  std::int64_t dropped = 1;
  double compute = 0;  // the held-out budget [FLOPs]
  double ratio = 1;    // held-out budget / largest budget used
  /// isoflop: scale by the allocation law, loss by the frontier E + A C^-gamma. parametric: both by
  /// the surface. posterior: both laws read with the prior.
  std::string method;
  double scale_error = 0;   // predicted / found optimum - 1
  double tokens_error = 0;  // the same of D; at a given compute (1 + scale_error)^-1 - 1
  double loss_error = 0;    // predicted / found optimum loss - 1
  /// Standard errors of the found ln scale and ln loss: what no prediction can be blamed for.
  double found_ln_scale_se = 0, found_ln_loss_se = 0;
  /// Whether the loss says something of the fit's own: a frontier through 3 minima has no floor, so
  /// that its misses are no verdict on one through more.
  bool judges_loss = true;
  /// ln of the density of ln scale and of ln loss at what was found, where the method has one.
  std::optional<double> scale_density = {}, loss_density = {};
};

/// What the terminal and the page call the estimators that JSON calls isoflop, parametric and
/// posterior: laws through minima, surface, laws with prior.
[[nodiscard]] std::string estimator_name(const std::string& method);

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
  /// published sweeps. Misses within 90 % of the found minimum's own error count as none, and
  /// losses as far as they judge.
  bool misses_scale = false, misses_loss = false;
  [[nodiscard]] bool is_poor() const { return misses_scale || misses_loss; }
};

/// By method, in the order in which they first appear.
[[nodiscard]] std::vector<HoldoutSummary> summarize(std::span<const HoldoutScore> scores);

/// Those of `method` whose loss counts: that judge, or all where none does.
[[nodiscard]] std::vector<HoldoutScore> scores_of_loss(std::span<const HoldoutScore> scores,
                                                       const std::string& method);

/// The decades that a score's error is to be divided by: a factor of less than 2 in compute says
/// little per decade and counts as 2.
[[nodiscard]] double decades_of(const HoldoutScore& score);

/// A value with its 90 % interval, where that is known.
struct Estimated {
  double value = 0;
  std::optional<Interval> interval = std::nullopt;
};

/// The density of ln value where a forecast has it, per unit of the logarithm.
struct DensityPoint {
  double value = 0, density = 0;
};

/// Shares of the surface in the one forecast; the rest is the posterior's. 0 where the surface is
/// not to be believed, 1 where there are no minima; else by the densities that both gave to the
/// budgets held out, even where there are none.
struct ForecastWeights {
  double scale_surface = 0, loss_surface = 0;
};

/// What one estimator says of a budget. isoflop: the laws through the minima, the frontier for the
/// loss. parametric: the optimum of the surface. posterior: the laws through the minima, read with
/// the prior. The intervals hold the scatter tau between budgets; isoflop's of the loss also what
/// hold-outs were off by, and the noise of a run.
struct TargetEstimate {
  std::string method;
  Estimated scale = {}, tokens = {}, loss = {};
};

/// What it costs to train a size that is off by size_ratio.
struct MissCost {
  Deadweight waste;
  std::optional<double> gpu_hours = {}, price = {};  // of waste.wasted_compute
};

/// A budget beyond those that were run, predicted.
struct Target {
  double compute = 0;  // [FLOPs]
  double ratio = 1;    // compute / largest budget behind the laws; 1 inside their range
  /// By the ratio, and one worse where hold-outs of the first estimator were poor or there are
  /// none; red where runs of several experiments are pooled, or all share one trunk.
  ExtrapolationLight light = ExtrapolationLight::ok;
  std::vector<std::string> light_reasons = {};  // a few words each; none for a green light
  std::vector<TargetEstimate> estimates = {};   // isoflop, parametric, posterior; those there are
  /// parametric / isoflop - 1, of the scale.
  std::optional<double> disagreement = {};
  /// Medians and intervals of the one forecast: the posterior of the laws and the surface, each
  /// with its weight in the fit's `forecast_weights`; of tokens by C = k scale tokens.
  Estimated scale = {}, tokens = {}, loss = {};
  std::vector<DensityPoint> scale_density = {}, loss_density = {};
  std::optional<TargetEstimate> without_prior = {};  // the same, nothing believed before
  /// The median is trained, and the optimum is the lower or the upper end of `scale`.
  std::optional<MissCost> overestimate = {}, underestimate = {};
  std::vector<FlatRange> flat = {};  // 0.1 and 0.25 %
};

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
  std::vector<std::string> duplicates;     // labels of rows that say what an earlier one says
  std::vector<std::string> repeated_runs;  // run_ids of several points, each one independent run
  std::int64_t n_independent = 0;          // trunks, and runs that share none
  /// (sum w)^2 / sum w^2 over them, w the number of their runs (Kish).
  double effective = 0;
  std::optional<SeedNoise> seed_noise;
  /// Relative sd of one run: over seeds, about the parabolas or about the grids' surfaces,
  /// whichever is largest.
  std::optional<double> run_noise;
  /// Least relative difference of loss that one run of each of two recipes shows with a power of
  /// 80 % in a two-sided test at 5 %.
  std::optional<double> detectable_difference;
  std::vector<IntervalWorth> intervals;
};

/// Whether nothing tells the error that all runs have in common from the law.
[[nodiscard]] inline bool shares_one_trunk(const SampleSize& size) {
  return size.n_independent == 1 && size.n_runs > 1;
}

/// A size whose runs all lie on one side of the surface, far beyond the scatter of the others.
struct OddSize {
  double scale = 0;
  std::int64_t n_runs = 0;
  double median_residual = 0;  // of ln loss, observed - fitted
  double scatter = 0;          // of the other sizes' runs
};

/// A run farther from the surface than the number of runs explains.
struct Outlier {
  std::string label = {};  // run_id, or the row of the file
  double scale = 0, tokens = 0, metric = 0;
  double residual = 0;  // of ln metric, observed - fitted
};

struct Outliers {
  std::vector<Outlier> runs = {};  // the farthest first
  double scatter = 0;              // sd of residuals of ln metric, by their median magnitude
  double limit = 0;                // in scatters: one set in twenty has a normal residual beyond it
  double a = 0;                    // the surface's exponent of the size
  std::optional<double> a_without = {};  // refitted without these runs
};

/// Runs that an interval of `width` takes where `n_runs` give `noise_width`: n (noise_width /
/// width)^2. arXiv:2404.10102 asks this of the intervals of arXiv:2203.15556.
[[nodiscard]] inline double runs_needed(double n_runs, double noise_width, double width) {
  return n_runs * (noise_width / width) * (noise_width / width);
}

}  // namespace isoflop
