// SPDX-License-Identifier: Apache-2.0
#include "fit/points/curves.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

namespace isoflop {
namespace {

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
    if (clusters.empty() || key.compute > kSameBudget * previous ||
        key.compute > kSameBudget * kSameBudget * first) {
      clusters.emplace_back();
      first = key.compute;
    }
    clusters.back().push_back(key.index);
    previous = key.compute;
  }
  return clusters;
}

constexpr double kShareOfDesign = 0.8;
constexpr double kLeastStep = 1.25;  // between budgets
constexpr double kLargestTilt =
    0.25;  // spread of the computes over that of the sizes, in logarithms

std::size_t count_sizes(std::span<const Sample> samples) {  // ascending in scale
  std::size_t n = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i == 0 || !same_scale(samples[i - 1], samples[i])) ++n;
  }
  return n;
}

bool is_of_different_runs(std::span<const Sample> samples) {
  std::set<std::pair<std::string, double>> trunks;
  return std::all_of(samples.begin(), samples.end(), [&](const Sample& sample) {
    return sample.trunk.empty() || trunks.insert({sample.trunk, sample.scale}).second;
  });
}

/// Enough sizes, much further apart than their computes, of runs that share nothing.
bool could_be_meant(std::span<const Sample> samples) {
  if (count_sizes(samples) < kMinCurvePoints || !is_of_different_runs(samples)) return false;
  const auto [low, high] =
      std::minmax_element(samples.begin(), samples.end(),
                          [](const Sample& a, const Sample& b) { return a.compute < b.compute; });
  return std::log(high->compute / low->compute) <
         kLargestTilt * std::log(samples.back().scale / samples.front().scale);
}

/// Whether no other group's compute is so near that chance may have parted them.
bool stands_apart(const std::vector<BudgetGroup>& groups, std::size_t i) {
  const double compute = groups[i].compute;
  const bool below = i == 0 || groups[i - 1].compute * kLeastStep < compute;
  const bool above = i + 1 == groups.size() || compute * kLeastStep < groups[i + 1].compute;
  return below && above;
}

/// Groups that are there because their computes are close: meant, or by chance?
void judge_found_groups(std::vector<BudgetGroup>& groups) {
  double n = 0, in_curves = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const BudgetGroup& group = groups[i];
    if (group.designed) continue;
    const auto size = static_cast<double>(group.samples.size());
    n += size;
    if (could_be_meant(group.samples) && stands_apart(groups, i)) in_curves += size;
  }
  const bool meant = in_curves >= kShareOfDesign * n;
  for (BudgetGroup& group : groups) group.designed = group.designed || meant;
}

}  // namespace

std::vector<BudgetGroup> group_by_budget(const PointSet& set, LossLaw::Scale scale) {
  const std::vector<Sample> all = samples_of(set, scale);
  std::map<double, std::vector<std::size_t>> nominal;
  std::vector<Keyed> unnamed;
  for (std::size_t i = 0; i < set.points.size(); ++i) {
    if (set.points[i].budget) {
      nominal[*set.points[i].budget].push_back(i);
    } else {
      unnamed.push_back({all[i].compute, i});
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
    group.compute = mean_compute(group.samples);
    group.stated = group.designed = budget > 0;
    group.budget = group.stated ? budget : group.compute;
    groups.push_back(std::move(group));
  };
  for (const auto& [budget, members] : nominal) add_group(budget, members);
  for (const auto& members : cluster(std::move(unnamed))) add_group(0, members);
  std::stable_sort(groups.begin(), groups.end(),
                   [](const BudgetGroup& a, const BudgetGroup& b) { return a.budget < b.budget; });
  judge_found_groups(groups);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (Sample& sample : groups[i].samples) {
      sample.group = static_cast<std::int64_t>(i);
      sample.of_curve = groups[i].designed;
    }
  }
  return groups;
}

}  // namespace isoflop
