// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "train/contract/range.h"

namespace isoflop::test {

/// |a - b| / |a| in L2, of the elements `range`.
inline double relative_difference(const std::vector<float>& a, const std::vector<float>& b,
                                  Range range) {
  double difference = 0, norm = 0;
  for (std::int64_t i = range.begin; i < range.end; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double x = static_cast<double>(a[at]), y = static_cast<double>(b[at]);
    difference += (x - y) * (x - y);
    norm += x * x;
  }
  return std::sqrt(difference / norm);
}

}  // namespace isoflop::test
