// SPDX-License-Identifier: Apache-2.0
#include "fit/trust/odd_sizes.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr std::size_t kFewestRuns = 4;
constexpr double kOdd = 5;

/// Of the runs of all other sizes, by their median magnitude.
double scatter_without(const std::map<double, std::vector<double>>& residuals, double size) {
  std::vector<double> magnitudes;
  for (const auto& [other, values] : residuals) {
    if (other == size) continue;
    for (const double value : values) magnitudes.push_back(std::abs(value));
  }
  return magnitudes.empty() ? 0 : kSdPerMad * median(std::move(magnitudes));
}

}  // namespace

std::vector<OddSize> odd_sizes(const LossLaw& surface, std::span<const Sample> samples) {
  std::map<double, std::vector<double>> residuals;
  for (const Sample& sample : samples) {
    residuals[sample.scale].push_back(
        std::log(sample.metric / surface(sample.scale, sample.tokens)));
  }
  std::vector<OddSize> odd;
  for (const auto& [size, values] : residuals) {
    if (values.size() < kFewestRuns) continue;
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    if (*low < 0 && *high > 0) continue;
    const double shift = median(values), scatter = scatter_without(residuals, size);
    if (std::abs(shift) < kOdd * scatter || !(scatter > 0)) continue;
    odd.push_back({.scale = size,
                   .n_runs = static_cast<std::int64_t>(values.size()),
                   .median_residual = shift,
                   .scatter = scatter});
  }
  return odd;
}

}  // namespace isoflop
