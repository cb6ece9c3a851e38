// SPDX-License-Identifier: Apache-2.0
#include "fit/points/settings.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace isoflop {
namespace {

constexpr std::size_t kMinGridValues = 3;

double log_distance(const std::optional<double>& value, double reference) {
  if (!value || !(reference > 0)) return 0;
  const double distance = std::log(*value / reference);
  return distance * distance;
}

double median_setting(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Indices [first, last) of runs of equal scale in samples sorted by scale.
std::vector<std::pair<std::size_t, std::size_t>> scale_runs(std::span<const Sample> samples) {
  std::vector<std::pair<std::size_t, std::size_t>> runs;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!runs.empty() && same_scale(samples[runs.back().first], samples[i])) {
      runs.back().second = i + 1;
    } else {
      runs.emplace_back(i, i + 1);
    }
  }
  return runs;
}

/// Medians over the sizes that were run with one setting; 0 where there are none.
struct Settings {
  double batch_tokens, peak_lr;
};

Settings usual_settings(std::span<const Sample> samples) {
  std::vector<double> batches, rates;
  for (const auto& [first, last] : scale_runs(samples)) {
    if (last - first > 1) continue;
    if (samples[first].batch_tokens) batches.push_back(*samples[first].batch_tokens);
    if (samples[first].peak_lr) rates.push_back(*samples[first].peak_lr);
  }
  return {median_setting(std::move(batches)), median_setting(std::move(rates))};
}

const Sample& most_usual(std::span<const Sample> run, const Settings& usual) {
  const auto rank = [&](const Sample& sample) {
    return std::pair(log_distance(sample.batch_tokens, usual.batch_tokens) +
                         log_distance(sample.peak_lr, usual.peak_lr),
                     sample.metric);
  };
  return *std::min_element(run.begin(), run.end(),
                           [&](const Sample& a, const Sample& b) { return rank(a) < rank(b); });
}

bool all_same_hyper_parameters(std::span<const Sample> run) {
  return std::all_of(run.begin(), run.end(), [&](const Sample& sample) {
    return same_hyper_parameters(sample, run.front());
  });
}

}  // namespace

BudgetGroup one_per_scale(const BudgetGroup& group) {
  const Settings usual = usual_settings(group.samples);
  BudgetGroup result = group;
  result.samples.clear();
  for (const auto& [first, last] : scale_runs(group.samples)) {
    result.samples.push_back(
        most_usual(std::span(group.samples).subspan(first, last - first), usual));
  }
  result.compute = mean_compute(result.samples);
  return result;
}

std::vector<Sample> surface_samples(std::span<const BudgetGroup> groups) {
  std::vector<Sample> result;
  for (const BudgetGroup& group : groups) {
    const Settings usual = usual_settings(group.samples);
    for (const auto& [first, last] : scale_runs(group.samples)) {
      const std::span<const Sample> run = std::span(group.samples).subspan(first, last - first);
      if (all_same_hyper_parameters(run)) {
        result.insert(result.end(), run.begin(), run.end());
      } else {
        result.push_back(most_usual(run, usual));
      }
    }
  }
  return result;
}

std::vector<Interval> distinct_settings(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::vector<Interval> distinct;
  for (const double value : values) {
    if (!distinct.empty() && std::log(value / distinct.back().low) < kSameSetting) {
      distinct.back().high = value;
    } else {
      distinct.push_back({value, value});
    }
  }
  return distinct;
}

std::vector<GridCell> grid_cells(std::span<const BudgetGroup> groups) {
  std::vector<GridCell> cells;
  for (const BudgetGroup& group : groups) {
    for (const auto& [first, last] : scale_runs(group.samples)) {
      std::vector<double> batches, rates;
      GridCell cell;
      cell.budget = group.budget;
      for (std::size_t i = first; i < last; ++i) {
        const Sample& sample = group.samples[i];
        if (!sample.batch_tokens || !sample.peak_lr) continue;
        batches.push_back(*sample.batch_tokens);
        rates.push_back(*sample.peak_lr);
        cell.samples.push_back(sample);
      }
      const std::size_t n_values = std::max(distinct_settings(std::move(batches)).size(),
                                            distinct_settings(std::move(rates)).size());
      if (n_values < kMinGridValues) continue;
      cell.compute = mean_compute(cell.samples);
      cells.push_back(std::move(cell));
    }
  }
  return cells;
}

}  // namespace isoflop
