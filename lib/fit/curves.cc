// SPDX-License-Identifier: Apache-2.0
#include "fit/curves.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

// Digitised budgets scatter by a few percent around their nominal value.
constexpr double kBudgetTolerance = 0.05;
constexpr std::size_t kMinGridValues = 3;

std::string where(const Point& point, std::size_t index) {
  return point.label.empty() ? "point " + std::to_string(index + 1) : point.label;
}

void require_positive(const std::optional<double>& value, std::string_view name,
                      const std::string& place) {
  if (!value) {
    throw Error(ErrorCode::invalid_argument, place + ": has no " + std::string(name));
  }
  if (!(*value > 0) || !std::isfinite(*value)) {
    throw Error(
        ErrorCode::invalid_argument,
        place + ": " + std::string(name) + " must be finite and > 0, got " + exact_text(*value));
  }
}

void require_one_dataset(const PointSet& set) {
  std::string name = set.frame.dataset;
  std::string first_place = "the others";
  for (std::size_t i = 0; i < set.points.size(); ++i) {
    const Point& point = set.points[i];
    if (point.dataset.empty() || point.dataset == name) continue;
    if (name.empty()) {
      name = point.dataset;
      first_place = where(point, i);
      continue;
    }
    Frame other = set.frame;
    Frame first = set.frame;
    first.dataset = name;
    other.dataset = point.dataset;
    require_same_frame(first, other,
                       "points of one fit, " + first_place + " and " + where(point, i));
  }
}

// All points must have the scale, or none; a law in M from points in N goes by M = 6 N.
enum class ScaleSource { stated, converted };
ScaleSource scale_source(const PointSet& set, LossLaw::Scale scale) {
  const bool params = scale == LossLaw::Scale::params;
  const auto has = [&](const Point& p) {
    return params ? p.params.has_value() : p.flops_per_token.has_value();
  };
  const auto n_stated = std::count_if(set.points.begin(), set.points.end(), has);
  if (n_stated == static_cast<std::ptrdiff_t>(set.points.size())) return ScaleSource::stated;
  if (n_stated == 0) return ScaleSource::converted;
  throw Error(ErrorCode::invalid_argument,
              "some points have " + std::string(to_string(scale)) +
                  " and some do not; a fit needs it for all of them, or for none");
}

/// Of a column critical_batch_tokens, or noise_scale_tokens (arXiv:1812.06162: they agree about).
std::optional<double> critical_batch(const Point& point) {
  for (const char* name : {"critical_batch_tokens", "noise_scale_tokens"}) {
    const auto entry = point.other.find(name);
    if (entry == point.other.end()) continue;
    const std::optional<double> value = parse_double(entry->second);
    if (value && *value > 0 && std::isfinite(*value)) return value;
  }
  return std::nullopt;
}

Sample sample_of(const Point& point, const PointSet& set, LossLaw::Scale scale, ScaleSource source,
                 std::size_t index) {
  const std::string place = where(point, index);
  const bool bits = set.frame.metric == Metric::bits_per_byte;
  const std::optional<double> metric = bits ? point.bits_per_byte : point.loss;
  require_positive(metric, bits ? "bits_per_byte" : "loss", place);
  require_positive(point.tokens, "tokens", place);
  const bool want_params = (scale == LossLaw::Scale::params) == (source == ScaleSource::stated);
  const std::optional<double> size = want_params ? point.params : point.flops_per_token;
  require_positive(size, want_params ? "params" : "flops_per_token", place);
  Sample sample;
  sample.scale = *size;
  if (source == ScaleSource::converted) {
    sample.scale *= scale == LossLaw::Scale::params ? 1.0 / 6 : 6.0;
  }
  sample.tokens = point.tokens;
  sample.compute = point.compute           ? *point.compute
                   : point.flops_per_token ? *point.flops_per_token * point.tokens
                                           : 6 * *point.params * point.tokens;
  require_positive(sample.compute, "compute", place);
  sample.metric = *metric;
  sample.params = point.params ? *point.params : *point.flops_per_token / 6;
  sample.batch_tokens = point.batch_tokens;
  sample.peak_lr = point.peak_lr;
  sample.critical_batch_tokens = critical_batch(point);
  sample.trunk = point.trunk;
  if (const auto unique = point.other.find("unique_tokens"); unique != point.other.end()) {
    sample.unique_tokens = parse_double(unique->second);
    require_positive(sample.unique_tokens, "unique_tokens", place);
  }
  return sample;
}

bool nearly_equal(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max(a, b); }

bool equal_or_absent(const std::optional<double>& a, const std::optional<double>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return nearly_equal(*a, *b) || std::abs(std::log(*a / *b)) < kSameSetting;
}

bool same_setting(const Sample& a, const Sample& b) {
  return nearly_equal(a.scale, b.scale) && nearly_equal(a.tokens, b.tokens) &&
         equal_or_absent(a.batch_tokens, b.batch_tokens) && equal_or_absent(a.peak_lr, b.peak_lr) &&
         equal_or_absent(a.unique_tokens, b.unique_tokens);
}

// Equal settings that state different seeds are one sample; without seeds they stay apart, since
// nothing says that they are repetitions.
void add_sample(std::vector<Sample>& samples, const Sample& sample, bool has_seed) {
  if (has_seed) {
    for (Sample& known : samples) {
      if (!same_setting(known, sample)) continue;
      const double n = static_cast<double>(known.n_seeds);
      if (known.by_seed.empty()) known.by_seed.push_back(known.metric);
      known.by_seed.push_back(sample.metric);
      known.metric = (n * known.metric + sample.metric) / (n + 1);
      ++known.n_seeds;
      return;
    }
  }
  samples.push_back(sample);
}

double log_mean(std::span<const Sample> samples, double Sample::*member) {
  double sum = 0;
  for (const Sample& sample : samples) sum += std::log(sample.*member);
  return std::exp(sum / static_cast<double>(samples.size()));
}

struct Keyed {
  double compute;
  std::size_t index;
};

// Runs of computes within 5 % of a centre, from points sorted by compute.
std::vector<std::vector<std::size_t>> cluster(std::vector<Keyed> keyed) {
  std::sort(keyed.begin(), keyed.end(), [](const Keyed& a, const Keyed& b) {
    return std::tie(a.compute, a.index) < std::tie(b.compute, b.index);
  });
  std::vector<std::vector<std::size_t>> clusters;
  double first = 0, previous = 0;
  for (const Keyed& key : keyed) {
    const double gap = 1 + kBudgetTolerance;
    if (clusters.empty() || key.compute > gap * previous || key.compute > gap * gap * first) {
      clusters.emplace_back();
      first = key.compute;
    }
    clusters.back().push_back(key.index);
    previous = key.compute;
  }
  return clusters;
}

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
    if (!runs.empty() && nearly_equal(samples[runs.back().first].scale, samples[i].scale)) {
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

bool same_hyper_parameters(std::span<const Sample> run) {
  return std::all_of(run.begin(), run.end(), [&](const Sample& sample) {
    return equal_or_absent(sample.batch_tokens, run.front().batch_tokens) &&
           equal_or_absent(sample.peak_lr, run.front().peak_lr);
  });
}

}  // namespace

std::vector<BudgetGroup> group_by_budget(const PointSet& set, LossLaw::Scale scale) {
  require_one_dataset(set);
  const ScaleSource source = scale_source(set, scale);
  std::map<double, std::vector<std::size_t>> nominal;
  std::vector<Keyed> unnamed;
  std::vector<Sample> all;
  for (std::size_t i = 0; i < set.points.size(); ++i) {
    const Point& point = set.points[i];
    all.push_back(sample_of(point, set, scale, source, i));
    if (point.budget) {
      require_positive(point.budget, "budget", where(point, i));
      nominal[*point.budget].push_back(i);
    } else {
      unnamed.push_back({all.back().compute, i});
    }
  }
  std::vector<BudgetGroup> groups;
  const auto add_group = [&](double budget, const std::vector<std::size_t>& members) {
    BudgetGroup group;
    for (const std::size_t i : members) {
      add_sample(group.samples, all[i], set.points[i].seed.has_value());
    }
    std::stable_sort(group.samples.begin(), group.samples.end(),
                     [](const Sample& a, const Sample& b) { return a.scale < b.scale; });
    group.compute = log_mean(group.samples, &Sample::compute);
    group.stated = budget > 0;
    group.budget = group.stated ? budget : group.compute;
    groups.push_back(std::move(group));
  };
  for (const auto& [budget, members] : nominal) add_group(budget, members);
  for (const auto& members : cluster(std::move(unnamed))) add_group(0, members);
  std::stable_sort(groups.begin(), groups.end(),
                   [](const BudgetGroup& a, const BudgetGroup& b) { return a.budget < b.budget; });
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (Sample& sample : groups[i].samples) sample.group = static_cast<std::int64_t>(i);
  }
  return groups;
}

BudgetGroup one_per_scale(const BudgetGroup& group) {
  const Settings usual = usual_settings(group.samples);
  BudgetGroup result = group;
  result.samples.clear();
  for (const auto& [first, last] : scale_runs(group.samples)) {
    result.samples.push_back(
        most_usual(std::span(group.samples).subspan(first, last - first), usual));
  }
  result.compute = log_mean(result.samples, &Sample::compute);
  return result;
}

std::vector<Sample> surface_samples(std::span<const BudgetGroup> groups) {
  std::vector<Sample> result;
  for (const BudgetGroup& group : groups) {
    const Settings usual = usual_settings(group.samples);
    for (const auto& [first, last] : scale_runs(group.samples)) {
      const std::span<const Sample> run = std::span(group.samples).subspan(first, last - first);
      if (same_hyper_parameters(run)) {
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
      cell.compute = log_mean(cell.samples, &Sample::compute);
      cells.push_back(std::move(cell));
    }
  }
  return cells;
}

double flops_factor(std::span<const Sample> samples) {
  double sum = 0;
  for (const Sample& sample : samples) {
    sum += std::log(sample.compute / (sample.scale * sample.tokens));
  }
  return std::exp(sum / static_cast<double>(samples.size()));
}

}  // namespace isoflop
