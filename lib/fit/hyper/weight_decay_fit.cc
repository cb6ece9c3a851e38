// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/weight_decay_fit.h"

#include <algorithm>
#include <cmath>

#include "fit/hyper/cell_regression.h"
#include "fit/hyper/local_optimum.h"
#include "fit/hyper/slice_optimum.h"
#include "isoflop/weight_decay.h"

namespace isoflop {
namespace {

constexpr std::size_t kMinDecays = 3;
// As of the laws of batch and rate: an exponent known no better than to +-0.5 is not known.
constexpr double kWidestExponent = 1;

double timescale_of(const Sample& sample) {
  return adamw_timescale({.params = sample.params,
                          .tokens = sample.tokens,
                          .batch_tokens = *sample.batch_tokens,
                          .peak_lr = *sample.peak_lr},
                         *sample.weight_decay);
}

/// Runs of a cell that differ in weight decay alone.
std::vector<std::vector<Sample>> slices_of(const GridCell& cell) {
  std::vector<std::vector<Sample>> slices;
  for (const Sample& sample : cell.samples) {
    const auto same = [&](const std::vector<Sample>& slice) {
      return same_batch_and_rate(slice.front(), sample);
    };
    const auto known = std::find_if(slices.begin(), slices.end(), same);
    if (known == slices.end()) {
      slices.push_back({sample});
    } else {
      known->push_back(sample);
    }
  }
  std::erase_if(slices, [](const std::vector<Sample>& slice) {
    std::vector<double> decays;
    for (const Sample& sample : slice) decays.push_back(*sample.weight_decay);
    return distinct_settings(std::move(decays)).size() < kMinDecays;
  });
  return slices;
}

/// But for its standard error, which needs all slices.
DecaySlice slice_at(const GridCell& cell, std::span<const Sample> samples,
                    const SliceOptimum& optimum) {
  const Sample& best = samples[best_index(samples)];
  DecaySlice slice{.budget = cell.budget,
                   .compute = cell.compute,
                   .params = best.params,
                   .tokens = best.tokens,
                   .batch_tokens = *best.batch_tokens,
                   .peak_lr = *best.peak_lr,
                   .best_weight_decay = *best.weight_decay,
                   .tried = {*best.weight_decay, *best.weight_decay},
                   .n_runs = static_cast<std::int64_t>(samples.size()),
                   .n_fitted = optimum.n_fitted,
                   .status = optimum.status};
  for (const Sample& sample : samples) {
    slice.tried.low = std::min(slice.tried.low, *sample.weight_decay);
    slice.tried.high = std::max(slice.tried.high, *sample.weight_decay);
  }
  if (!optimum.usable()) return slice;
  slice.timescale = std::exp(optimum.x);
  slice.weight_decay = slice.best_weight_decay * timescale_of(best) / slice.timescale;
  return slice;
}

}  // namespace

std::optional<WeightDecayFit> fit_weight_decay(std::span<const GridCell> cells) {
  WeightDecayFit fit;
  std::vector<HyperRow> rows;
  std::vector<double> unit_variances;
  double squares = 0, freedom = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    for (const std::vector<Sample>& samples : slices_of(cells[i])) {
      std::vector<SliceRun> runs;
      for (const Sample& sample : samples) {
        runs.push_back({std::log(timescale_of(sample)), sample.metric});
      }
      const SliceOptimum optimum = slice_optimum(std::move(runs), surface_window(std::nullopt));
      squares += optimum.sum_of_squares;
      freedom += static_cast<double>(optimum.degrees_of_freedom);
      unit_variances.push_back(optimum.unit_variance);
      const DecaySlice slice = slice_at(cells[i], samples, optimum);
      fit.slices.push_back(slice);
      if (!slice.usable()) continue;
      rows.push_back({.compute = slice.compute,
                      .params = slice.params,
                      .tokens = slice.tokens,
                      .batch_tokens = slice.batch_tokens,
                      .value = slice.timescale,
                      .cell = static_cast<std::int64_t>(i)});
    }
  }
  if (fit.slices.empty()) return std::nullopt;
  const double variance = freedom > 0 ? squares / freedom : 0;
  for (std::size_t i = 0; i < fit.slices.size(); ++i) {
    fit.slices[i].ln_timescale_se = std::sqrt(variance * unit_variances[i]);
  }
  fit.timescale = fit_ratio_law(rows);
  fit.n_cells = fit.timescale.n_points;
  const Interval& exponent = fit.timescale.exponent;
  if (!fit.timescale.usable() || exponent.high - exponent.low > kWidestExponent) {
    fit.timescale = fit_compute_coefficient(rows, 0);
  } else {
    constexpr Regressor kRatio[] = {Regressor::tokens_per_param};
    fit.holdout = leave_largest_out(rows, kRatio);
  }
  return fit;
}

}  // namespace isoflop
