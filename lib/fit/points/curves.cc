// SPDX-License-Identifier: Apache-2.0
#include "fit/points/curves.h"

#include <algorithm>
#include <map>
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

}  // namespace isoflop
