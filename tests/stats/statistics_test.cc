// SPDX-License-Identifier: Apache-2.0
#include "stats/statistics.h"

#include <cmath>
#include <numbers>

#include "stats/distributions.h"
#include "stats/golden_section.h"
#include "support/catch.h"

using namespace isoflop;

TEST_CASE("student_t_quantile agrees with the tables") {
  // dof 1 is tan(pi (p - 1/2)); even ones have a closed form (Abramowitz and Stegun 26.7.4).
  CHECK(student_t_quantile(0.95, 1) == Approx(6.313751514675043).epsilon(1e-12));
  CHECK(student_t_quantile(0.95, 2) == Approx(2.9199855803537216).epsilon(1e-12));
  CHECK(student_t_quantile(0.95, 6) == Approx(1.9431802805153005).epsilon(1e-12));
  CHECK(student_t_quantile(0.975, 10) == Approx(2.2281388519862735).epsilon(1e-12));
  CHECK(student_t_quantile(0.95, 1e6) == Approx(1.644853626951).epsilon(2e-6));
}

TEST_CASE("student_t_quantile is odd about the median") {
  CHECK(student_t_quantile(0.05, 3) == -student_t_quantile(0.95, 3));
  CHECK(student_t_quantile(0.5, 3) == Approx(0).margin(1e-12));
}

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
