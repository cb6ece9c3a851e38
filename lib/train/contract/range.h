// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace isoflop {

/// Elements begin ... end - 1.
struct Range {
  std::int64_t begin = 0, end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

[[nodiscard]] inline Range intersection(Range a, Range b) {
  const std::int64_t begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

/// Share number `rank` of `n` elements dealt out contiguously to `n_ranks`, in whole units: shares
/// differ by one unit at most, and unit boundaries do not depend on the number of ranks.
[[nodiscard]] inline Range share_of(std::int64_t n, int rank, int n_ranks, std::int64_t unit = 1) {
  const std::int64_t n_units = (n + unit - 1) / unit;
  const auto boundary = [&](std::int64_t i) { return std::min(n, n_units * i / n_ranks * unit); };
  return {boundary(rank), boundary(std::int64_t{rank} + 1)};
}

}  // namespace isoflop
