// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fit/points/loss_sample.h"
#include "isoflop/law.h"
#include "isoflop/point.h"

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
  std::optional<double> weight_decay;           // of a column of that name, where it is >= 0
  std::optional<double> critical_batch_tokens;  // measured, by a column of that name
  std::optional<double> unique_tokens;  // where the column unique_tokens says how much was fresh
  // Of a mixture of experts, by columns of those names; `params` are the active ones.
  std::optional<double> n_experts, granularity;
  std::string trunk;
  std::string label;  // of the point, the first of its seeds
  std::int64_t n_seeds = 1;
  std::vector<double> by_seed = {};  // the metrics that `metric` is the mean of; empty for one
  std::int64_t group = 0;            // which budget, ascending
  bool of_curve = false;             // that budget was meant as one
};

/// One for each point. Throws Error(frame_mismatch) for two data sets, Error(invalid_argument) for
/// a point without the metric of the frame or without a scale. Where no point has the scale asked
/// for, N = M / 6 converts.
[[nodiscard]] std::vector<Sample> samples_of(const PointSet& points, LossLaw::Scale scale);

/// Up to rounding.
[[nodiscard]] bool same_scale(const Sample& a, const Sample& b);
/// Up to kSameSetting; absent on both sides is the same, too.
[[nodiscard]] bool same_batch_and_rate(const Sample& a, const Sample& b);
/// The same, and weight decay.
[[nodiscard]] bool same_hyper_parameters(const Sample& a, const Sample& b);
/// Scale, tokens and hyper-parameters: what runs of different seeds have in common.
[[nodiscard]] bool same_setting(const Sample& a, const Sample& b);

/// Of the first with the lowest metric. Needs a sample.
[[nodiscard]] std::size_t best_index(std::span<const Sample> samples);

/// Geometric mean.
[[nodiscard]] double mean_compute(std::span<const Sample> samples);

/// C / (scale * tokens), geometric mean: 1 for flops_per_token, about 6 for params.
[[nodiscard]] double flops_factor(std::span<const Sample> samples);

/// What a loss surface is fitted to.
[[nodiscard]] std::vector<LossSample> loss_samples(std::span<const Sample> samples);

}  // namespace isoflop
