// SPDX-License-Identifier: Apache-2.0
#include "stats/distributions.h"

#include <cmath>
#include <limits>
#include <numbers>

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

TEST_CASE("tails and quantiles are inverse, for degrees of freedom that are not whole") {
  for (const double dof : {0.7, 2.5, 40.0}) {
    for (const double p : {0.6, 0.95, 0.999}) {
      CHECK(1 - student_t_upper_tail(student_t_quantile(p, dof), dof) == Approx(p).epsilon(1e-13));
      CHECK(1 - f_upper_tail(f_quantile(p, dof, 3.3), dof, 3.3) == Approx(p).epsilon(1e-13));
    }
  }
}

TEST_CASE("the square of Student's t is F with one degree of freedom, in closed form at 1 and 2") {
  // dof 1: P(T > t) = 1/2 - atan(t) / pi; dof 2: 1/2 - t / (2 sqrt(2 + t^2)).
  CHECK(student_t_upper_tail(3, 1) == Approx(0.5 - std::atan(3) / std::numbers::pi).epsilon(1e-14));
  CHECK(student_t_upper_tail(3, 2) == Approx(0.5 - 1.5 / std::sqrt(11.0)).epsilon(1e-13));
  CHECK(student_t_two_sided(-3, 7) == Approx(f_upper_tail(9, 1, 7)).epsilon(1e-14));
  CHECK(central_t_probability(3, 7) == Approx(1 - f_upper_tail(9, 1, 7)).epsilon(1e-14));
}

TEST_CASE("a t that is infinite has no tail, and one that is no number has none either") {
  CHECK(student_t_upper_tail(std::numeric_limits<double>::infinity(), 4) == 0);
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(student_t_upper_tail(kNaN, 4)));
  CHECK(std::isnan(student_t_quantile(0.9, kNaN)));
  CHECK(std::isnan(f_upper_tail(1, kNaN, 4)));
  CHECK(std::isnan(f_quantile(0.9, 4, kNaN)));
}
