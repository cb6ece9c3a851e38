// SPDX-License-Identifier: Apache-2.0
#include "stats/statistics.h"

#include <cmath>
#include <numbers>

#include "stats/golden_section.h"
#include "support/catch.h"

using namespace isoflop;

TEST_CASE("percentile_interval interpolates the 5th and 95th percentile") {
  std::vector<double> values;
  for (int i = 100; i >= 0; --i) values.push_back(i);
  const Interval interval = percentile_interval(values);
  CHECK(interval.low == Approx(5));
  CHECK(interval.high == Approx(95));
  CHECK(percentile_interval({7}).low == 7);
}

TEST_CASE("huber_inefficiency is that of the mean, of the median, and 1/0.95 at 1.345") {
  CHECK(huber_inefficiency(10) == Approx(1).epsilon(1e-12));
  CHECK(huber_inefficiency(1e-6) == Approx(std::numbers::pi / 2).epsilon(1e-6));
  // Huber, Robust Statistics, 1981: 95 % efficiency.
  CHECK(1 / huber_inefficiency(1.345) == Approx(0.95).epsilon(1e-4));
}

TEST_CASE("median is the middle value, or the mean of the middle two") {
  CHECK(median({3}) == 3);
  CHECK(median({9, 1, 5}) == 5);
  CHECK(median({9, 1, 5, 7}) == 6);
}

TEST_CASE("golden_section finds a minimum inside and one at an end") {
  int n = 0;
  const auto valley = [&](double x) {
    ++n;
    return std::cosh(x - 0.7);
  };
  CHECK(golden_section(-3, 2, 1e-6, valley) == Approx(0.7).margin(1e-6));
  // One evaluation for each factor of 0.618.
  CHECK(n <= 2 + std::ceil(std::log(5 / 1e-6) / std::log(std::numbers::phi)));
  CHECK(golden_section(1, 2, 1e-9, valley) == Approx(1).margin(1e-9));
}
