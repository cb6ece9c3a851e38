// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/estimate.h"
#include "isoflop/law.h"

namespace isoflop {

/// How the best batch and learning rate are told from a cell's runs, and the law from the cells.
/// band: log-log least squares over all near-optimal runs, each a point (arXiv:2401.02954,
/// sec. 3.1). band_cells: over the geometric means of each cell's near-optimal runs. argmin: over
/// the best run of each cell. surface: over the minimum of a quadratic of ln metric in
/// (ln B, ln lr) through each cell's runs near the best.
enum class HyperEstimator { band, band_cells, argmin, surface };
[[nodiscard]] std::string_view to_string(HyperEstimator);

/// The minimum of the quadratic of ln metric in (ln B, ln lr), by least squares over the runs of a
/// cell within a window of its best.
struct LocalOptimum {
  double batch_tokens = 0, peak_lr = 0, metric = 0;
  double ln_batch_se = 0, ln_peak_lr_se = 0;  // delta method, noise pooled over the cells
  /// d^2 ln metric / d(ln B)^2, / d(ln lr)^2 and / d(ln B) d(ln lr).
  double batch_curvature = 0, peak_lr_curvature = 0, cross_curvature = 0;
  Interval batch_range, peak_lr_range;  // of the runs it was fitted to; no confidence
  std::int64_t n_fitted = 0;
  /// The minimum lies outside the runs it was fitted to.
  bool batch_at_edge = false, peak_lr_at_edge = false;
  /// ok: positive definite with the minimum inside; not_bracketed: outside; not_convex: a saddle;
  /// too_few_points: the runs do not determine a quadratic in both.
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
  /// ln metric above the minimum.
  [[nodiscard]] double excess(double batch, double lr) const;
};

/// What one batch/learning-rate grid says: geometric means over its near-optimal runs, its best
/// run, and the minimum of its local surface.
struct HyperCell {
  double budget = 0, compute = 0, params = 0, tokens = 0;
  double best_metric = 0;
  double batch_tokens = 0, peak_lr = 0;
  std::int64_t n_runs = 0, n_near_optimal = 0;
  /// A near-optimal run has the largest or smallest of the grid's values: the band goes on outside.
  bool batch_at_edge = false, peak_lr_at_edge = false;
  double best_batch_tokens = 0, best_peak_lr = 0;  // of the best run
  LocalOptimum surface = {};
  std::int64_t n_batches = 0, n_rates = 0;  // distinct values, roundings of one value merged
  std::int64_t n_diverged = 0;              // metric above 1.5 x the best
  /// As measured in the best run (gradient noise scale); absent where the points have no such
  /// column.
  std::optional<double> critical_batch_tokens = std::nullopt;
};

/// What the law of the other cells says of the cell of the largest compute.
struct CellHoldout {
  double compute = 0;   // of the cell left out
  double ratio = 0;     // over the largest that was kept
  double ln_error = 0;  // ln(predicted / found), the mean over the cell's values
};

/// y = coefficient N^exponent_params D^exponent_tokens with 90 % intervals; the exponent that the
/// law lacks is 0 with an empty interval.
struct HyperFormFit {
  HyperLawNd::Form form;
  Interval coefficient, exponent_params, exponent_tokens;
  double residual_sd = 0;  // of ln y, as HyperEstimate says
  std::optional<CellHoldout> holdout = std::nullopt;
};

/// lr(N, D, B) over the best rate of every batch near the best that a cell was run with: the
/// minimum of a parabola of ln metric in ln lr. 90 % intervals, cells left out as whole ones.
struct RateAtBatchFit {
  RateAtBatchLaw law;
  Interval coefficient, exponent_params, exponent_tokens, exponent_batch;
  /// Whether the cells tell that exponent from the others; else it is 0 and its interval empty, and
  /// the law holds along the line in (ln N, ln D) that the cells lie on.
  bool has_params = false, has_tokens = false;
  double residual_sd = 0;  // of the cells' mean ln lr
  std::int64_t n_cells = 0, n_values = 0;
  std::optional<CellHoldout> holdout = std::nullopt;
};

/// Runs of one size, length, batch and rate that differ in weight decay, and the minimum of a
/// parabola of ln metric in the ln of AdamW's timescale B / (lr lambda D).
struct DecaySlice {
  double budget = 0, compute = 0, params = 0, tokens = 0;
  double batch_tokens = 0, peak_lr = 0;
  double best_weight_decay = 0;            // of the best run
  double timescale = 0, weight_decay = 0;  // at the minimum; 0 where there is none
  double ln_timescale_se = 0;              // noise pooled over the slices
  Interval tried;                          // weight decays of the runs; no confidence
  std::int64_t n_runs = 0, n_fitted = 0;
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

/// The timescale of least loss as a power of D/N. Where the grids leave the exponent open the
/// timescale is taken as one number: exponent 0, assumed.
struct WeightDecayFit {
  PowerLawFit timescale;
  std::vector<DecaySlice> slices;  // ascending in budget
  std::int64_t n_cells = 0;        // with a minimum
  std::optional<CellHoldout> holdout = std::nullopt;
};

/// The laws of one estimator. The cell is the unit: intervals are Student's t with cells minus
/// parameters degrees of freedom, for `band` about jackknife errors that leave out whole cells.
/// residual_sd is that of the cells' mean ln y about the law.
struct HyperEstimate {
  HyperEstimator estimator = HyperEstimator::band;
  double band = 0;                    // near-optimal; 0 for argmin and surface
  PowerLawFit batch_tokens, peak_lr;  // of C
  std::optional<HyperFormFit> peak_lr_nd, batch_tokens_d, batch_tokens_nd;
  std::int64_t n_cells = 0, n_values = 0;
};

/// Loss above the optimum found in each cell, of the batch and learning rate that a law proposes.
struct ExcessLoss {
  struct Cell {
    double budget = 0, params = 0, tokens = 0;
    double batch_tokens = 0, peak_lr = 0;  // proposed
    double excess = 0;                     // metric / optimum - 1
    /// By the cell's local surface, else that of the nearest run above the best run.
    bool by_surface = false;
    bool outside_grid = false;  // the proposal lies beyond the values that were run
  };
  std::string law;   // id; of the fit's own laws the estimator's name
  std::string form;  // "C" or "N_D"
  bool own = false;  // fitted to these cells
  double mean = 0, median = 0, max = 0;
  std::int64_t n_cells = 0, n_by_surface = 0, n_outside_grid = 0;
  std::vector<Cell> cells;
};

/// How far a wrong batch and learning rate along one iso-FLOP curve may have moved its minimum.
struct Mistuning {
  enum class Source { none, probes, law };
  double budget = 0;
  Source source = Source::none;
  double shift_ln_scale = 0;  // found minus true ln scale_opt
  double bound_ln_scale = 0;  // 90 %: |shift| and its error; meaningless without a source
  std::int64_t n_probed_sizes = 0;
};
[[nodiscard]] std::string_view to_string(Mistuning::Source);

/// How batch size and learning rate go with size and tokens over runs that tried one setting each:
/// laws of the optima if each was tuned, as a table of best settings is; else what somebody chose.
struct GivenSettings {
  std::optional<HyperFormFit> batch_tokens_nd, peak_lr_nd;
  std::int64_t n_runs = 0;
};

struct HyperFit {
  double band = 0.0025;               // near-optimal: metric at most (1 + band) x the cell's best
  std::optional<double> noise;        // sd of ln metric about a smooth surface, where it is known
  PowerLawFit batch_tokens, peak_lr;  // of C
  std::optional<HyperLawNd::Form> peak_lr_nd, batch_tokens_d;
  double peak_lr_nd_residual_sd = 0, batch_tokens_d_residual_sd = 0;
  std::optional<HyperFormFit> batch_tokens_nd;
  std::optional<RateAtBatchFit> peak_lr_at_batch;
  std::int64_t n_cells = 0, n_near_optimal = 0;
  std::vector<HyperCell> cells;                 // ascending in budget
  std::vector<HyperEstimate> estimates;         // one per estimator; the first gave the laws above
  std::vector<HyperEstimate> band_sensitivity;  // estimator band, ascending in band
  std::vector<ExcessLoss> excess_loss;
  /// Values of the grids that are one value printed with different roundings; empty where none are.
  std::vector<Interval> merged_rates;
};

}  // namespace isoflop
