// SPDX-License-Identifier: Apache-2.0
#include "stats/statistics.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace isoflop {
Interval around(double value, double half_width) {
  return {.low = value - half_width, .high = value + half_width};
}

Interval around_log(double ln_value, double half_width) {
  return {.low = std::exp(ln_value - half_width), .high = std::exp(ln_value + half_width)};
}

Interval percentile_interval(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double p) {
    const double position = p * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return std::lerp(values[below], values[above], position - static_cast<double>(below));
  };
  return {.low = at(0.05), .high = at(0.95)};
}

double huber_inefficiency(double k) {
  const double inside = std::erf(k / std::numbers::sqrt2);
  const double density = std::exp(-0.5 * k * k) / std::sqrt(2 * std::numbers::pi);
  return (inside - 2 * k * density + k * k * (1 - inside)) / (inside * inside);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

}  // namespace isoflop
