// SPDX-License-Identifier: Apache-2.0
#include "stats/normal_mixture.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "stats/find_root.h"

namespace isoflop {
namespace {

constexpr double kLeastWeight = 1e-7;  // of the largest
constexpr double kReach = 9;           // sd: beyond, a normal has 1e-19
constexpr double kTolerance = 1e-10;   // of the narrowest part

}  // namespace

NormalMixture::NormalMixture(std::vector<NormalPart> parts) : parts_(std::move(parts)) {
  const auto heaviest = std::max_element(
      parts_.begin(), parts_.end(),
      [](const NormalPart& a, const NormalPart& b) { return a.ln_weight < b.ln_weight; });
  const double least = heaviest->ln_weight + std::log(kLeastWeight);
  std::erase_if(parts_, [&](const NormalPart& part) { return !(part.ln_weight >= least); });
  double sum = 0;
  for (const NormalPart& part : parts_) sum += std::exp(part.ln_weight - least);
  const double ln_sum = least + std::log(sum);
  low_ = high_ = parts_.front().mean;
  narrowest_ = parts_.front().sd;
  for (NormalPart& part : parts_) {
    part.ln_weight -= ln_sum;
    narrowest_ = std::min(narrowest_, part.sd);
    low_ = std::min(low_, part.mean - kReach * part.sd);
    high_ = std::max(high_, part.mean + kReach * part.sd);
  }
}

double NormalMixture::cumulative(double x) const {
  double sum = 0;
  for (const NormalPart& part : parts_) {
    const double z = (x - part.mean) / part.sd;
    sum += std::exp(part.ln_weight) * 0.5 * std::erfc(-z / std::numbers::sqrt2);
  }
  return sum;
}

double NormalMixture::density(double x) const {
  double sum = 0;
  for (const NormalPart& part : parts_) {
    const double z = (x - part.mean) / part.sd;
    sum += std::exp(part.ln_weight - 0.5 * z * z) / part.sd;
  }
  return sum / std::sqrt(2 * std::numbers::pi);
}

double NormalMixture::quantile(double p) const {
  return find_smooth_root(low_, high_, kTolerance * narrowest_,
                          [&](double x) { return cumulative(x) - p; });
}

}  // namespace isoflop
