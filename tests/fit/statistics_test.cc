// SPDX-License-Identifier: Apache-2.0
#include "fit/statistics.h"

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
