// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "isoflop/fit.h"

namespace isoflop {

/// Batch sizes or learning rates closer than this in ln are one value, printed with different
/// roundings (.00276 and .002762).
inline constexpr double kSameSetting = 0.01;

/// One setting of a run, averaged over seeds, with the metric and scale that the fit is about.
struct Sample {
  double scale = 0;
  double tokens = 0;
  double compute = 0;
  double metric = 0;
  double params = 0;  // N, or M / 6 where the points have no N
  std::optional<double> batch_tokens, peak_lr;
  std::optional<double> critical_batch_tokens;  // measured, by a column of that name
  std::optional<double> unique_tokens;  // where the column unique_tokens says how much was fresh
  std::string trunk;
  std::int64_t n_seeds = 1;
  std::vector<double> by_seed = {};  // the metrics that `metric` is the mean of; empty for one
  std::int64_t group = 0;            // which budget, ascending
};

/// The runs at one budget, ascending in scale.
struct BudgetGroup {
  double budget = 0;    // nominal; the geometric mean of the computes where none is stated
  double compute = 0;   // geometric mean
  bool stated = false;  // the points name the budget; else it was found among their computes
  std::vector<Sample> samples;
};

/// Runs of one model at one budget that differ in batch size or learning rate.
struct GridCell {
  double budget = 0, compute = 0;
  std::vector<Sample> samples;
};

/// Groups points by `budget`, or where it is absent by computes within 5 % of a centre; ascending.
/// Runs that differ in the seed alone become one sample. Throws Error(frame_mismatch) for two data
/// sets, Error(invalid_argument) for a point without the metric of the frame or without a scale.
/// Where no point has the scale asked for, N = M / 6 converts.
[[nodiscard]] std::vector<BudgetGroup> group_by_budget(const PointSet& points,
                                                       LossLaw::Scale scale);

/// One sample per scale: where a scale was run with several hyper-parameters, the setting nearest
/// to the one that the curve's other sizes were run with (the best of many would be too good by the
/// noise), or the best where every size has several.
[[nodiscard]] BudgetGroup one_per_scale(const BudgetGroup& group);

/// The samples a loss surface may use: as one_per_scale() where a scale was run with several
/// hyper-parameters, all of them where it was not.
[[nodiscard]] std::vector<Sample> surface_samples(std::span<const BudgetGroup> groups);

/// Distinct values of > 0 up to kSameSetting, ascending; each with the range that it stands for.
[[nodiscard]] std::vector<Interval> distinct_settings(std::vector<double> values);

/// The cells with at least 3 distinct learning rates or batch sizes.
[[nodiscard]] std::vector<GridCell> grid_cells(std::span<const BudgetGroup> groups);

/// C / (scale * tokens), geometric mean: 1 for flops_per_token, about 6 for params.
[[nodiscard]] double flops_factor(std::span<const Sample> samples);

}  // namespace isoflop
