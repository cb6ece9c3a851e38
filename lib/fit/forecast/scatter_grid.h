// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <optional>
#include <vector>

#include "isoflop/forecast_prior.h"

namespace isoflop {

/// ln of a log-normal belief about a positive number, per unit of its logarithm, up to a constant.
[[nodiscard]] inline double ln_belief_of_log(double value, const Belief& belief) {
  const double z = std::log(value / belief.centre) / belief.spread;
  return -0.5 * z * z;
}

/// One scatter that a posterior is summed over.
struct Scatter {
  double sd = 0;
  double ln_belief = 0;  // of its logarithm, up to a constant
};

/// `n` scatters from `low` to `high`, equally far apart in the logarithm.
struct ScatterGrid {
  double low = 0, high = 0;
  int n = 0;
  /// Without a belief every logarithm is as likely.
  [[nodiscard]] std::vector<Scatter> values(const std::optional<Belief>& belief) const {
    std::vector<Scatter> result;
    for (int i = 0; i < n; ++i) {
      const double sd = low * std::pow(high / low, static_cast<double>(i) / (n - 1));
      result.push_back({sd, belief ? ln_belief_of_log(sd, *belief) : 0});
    }
    return result;
  }
};

/// Of the scatter at a distance in ln C from the largest budget.
[[nodiscard]] inline double growth_of_variance(double ageing, double distance) {
  return std::exp(ageing * std::abs(distance));
}

}  // namespace isoflop
