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
  double batch_tokens, peak_lr, weight_decay;
};

Settings usual_settings(std::span<const Sample> samples) {
  std::vector<double> batches, rates, decays;
  for (const auto& [first, last] : scale_runs(samples)) {
    if (last - first > 1) continue;
    if (samples[first].batch_tokens) batches.push_back(*samples[first].batch_tokens);
    if (samples[first].peak_lr) rates.push_back(*samples[first].peak_lr);
    if (samples[first].weight_decay) decays.push_back(*samples[first].weight_decay);
  }
  return {median_setting(std::move(batches)), median_setting(std::move(rates)),
          median_setting(std::move(decays))};
}

const Sample& most_usual(std::span<const Sample> run, const Settings& usual) {
  const auto rank = [&](const Sample& sample) {
    return std::pair(log_distance(sample.batch_tokens, usual.batch_tokens) +
                         log_distance(sample.peak_lr, usual.peak_lr) +
                         log_distance(sample.weight_decay, usual.weight_decay),
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

/// Those of the weight decay that most of them have; of several such the one of the best run.
std::vector<Sample> of_usual_decay(const std::vector<Sample>& samples) {
  std::vector<std::vector<Sample>> by_decay;
  for (const Sample& sample : samples) {
    const auto known =
        std::find_if(by_decay.begin(), by_decay.end(), [&](const std::vector<Sample>& group) {
          Sample other = group.front();
          other.batch_tokens = sample.batch_tokens;
          other.peak_lr = sample.peak_lr;
          return same_hyper_parameters(other, sample);
        });
    if (known == by_decay.end()) {
      by_decay.push_back({sample});
    } else {
      known->push_back(sample);
    }
  }
  const auto rank = [](const std::vector<Sample>& group) {
    return std::pair(-static_cast<std::ptrdiff_t>(group.size()), group[best_index(group)].metric);
  };
  return *std::min_element(by_decay.begin(), by_decay.end(),
                           [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
}

std::size_t count_values(std::span<const Sample> samples, std::optional<double> Sample::*member) {
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(*(sample.*member));
  return distinct_settings(std::move(values)).size();
}

/// The runs of each size and budget that state what is asked for.
template <class States>
std::vector<GridCell> cells_of(std::span<const BudgetGroup> groups, const States& states) {
  std::vector<GridCell> cells;
  for (const BudgetGroup& group : groups) {
    for (const auto& [first, last] : scale_runs(group.samples)) {
      GridCell cell;
      cell.budget = group.budget;
      for (std::size_t i = first; i < last; ++i) {
        if (states(group.samples[i])) cell.samples.push_back(group.samples[i]);
      }
      if (!cell.samples.empty()) cells.push_back(std::move(cell));
    }
  }
  return cells;
}

bool states_batch_and_rate(const Sample& sample) { return sample.batch_tokens && sample.peak_lr; }

/// With those left out that have too few values of what is varied.
template <class IsGrid>
std::vector<GridCell> grids_among(std::vector<GridCell> cells, const IsGrid& is_grid) {
  std::erase_if(cells, [&](const GridCell& cell) { return !is_grid(cell.samples); });
  for (GridCell& cell : cells) cell.compute = mean_compute(cell.samples);
  return cells;
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

std::vector<Sample> samples_by_batch(std::span<const BudgetGroup> groups) {
  const auto near = [](double a, double b) { return std::abs(std::log(a / b)) < kSameSetting; };
  const auto same_but_rate = [&](const Sample& a, const Sample& b) {
    if (a.batch_tokens.has_value() != b.batch_tokens.has_value()) return false;
    if (a.batch_tokens && !near(*a.batch_tokens, *b.batch_tokens)) return false;
    return a.group == b.group && same_scale(a, b) && near(a.tokens, b.tokens);
  };
  std::vector<Sample> result;
  for (const BudgetGroup& group : groups) {
    const auto first = static_cast<std::ptrdiff_t>(result.size());
    for (const Sample& sample : group.samples) {
      const auto found =
          std::find_if(result.begin() + first, result.end(),
                       [&](const Sample& other) { return same_but_rate(sample, other); });
      if (found == result.end()) {
        result.push_back(sample);
      } else if (sample.metric < found->metric && sample.peak_lr != found->peak_lr) {
        *found = sample;
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
  std::vector<GridCell> cells = cells_of(groups, states_batch_and_rate);
  for (GridCell& cell : cells) cell.samples = of_usual_decay(cell.samples);
  return grids_among(std::move(cells), [](std::span<const Sample> samples) {
    return std::max(count_values(samples, &Sample::batch_tokens),
                    count_values(samples, &Sample::peak_lr)) >= kMinGridValues;
  });
}

std::vector<GridCell> decay_cells(std::span<const BudgetGroup> groups) {
  const auto states_decay = [](const Sample& sample) {
    return states_batch_and_rate(sample) && sample.weight_decay.value_or(0) > 0;
  };
  return grids_among(cells_of(groups, states_decay), [](std::span<const Sample> samples) {
    return count_values(samples, &Sample::weight_decay) >= kMinGridValues;
  });
}

}  // namespace isoflop
