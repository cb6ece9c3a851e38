// SPDX-License-Identifier: Apache-2.0
#include "stats/log_line.h"

#include <cmath>
#include <vector>

#include "support/catch.h"

using namespace isoflop;

namespace {

std::vector<LogPoint> six_budgets() {
  const double x[] = {1e17, 3e17, 1e18, 3e18, 1e19, 3e19};
  const double y[] = {1.02, 1.61, 2.30, 2.75, 3.52, 3.96};
  const double se[] = {0.02, 0.03, 0.02, 0.05, 0.04, 0.03};
  std::vector<LogPoint> points;
  for (int i = 0; i < 6; ++i) points.push_back({std::log(x[i]), y[i], se[i] * se[i]});
  return points;
}

}  // namespace

TEST_CASE("the three scatters between budgets are those of an independent computation") {
  // By numpy: the trace formula, a root of Q - (n - 2), a bounded minimisation of the likelihood.
  const auto points = six_budgets();
  CHECK(fit_line(points, 0).q == Approx(18.135507090362488).epsilon(1e-10));
  CHECK(tau_squared(points, TauMethod::moments) == Approx(0.0029313553782534477).epsilon(1e-9));
  CHECK(tau_squared(points, TauMethod::paule_mandel) == Approx(0.002973886557406285).epsilon(1e-9));
  // A maximum is flat: its place is known to the root of the rounding.
  CHECK(tau_squared(points, TauMethod::reml) == Approx(0.0028860888015684277).epsilon(1e-6));
}

TEST_CASE("at Paule and Mandel's tau the weighted residuals have their expected size") {
  const auto points = six_budgets();
  const double scatter = tau_squared(points, TauMethod::paule_mandel);
  CHECK(fit_line(points, scatter).q == Approx(4).epsilon(1e-10));
}

TEST_CASE("points closer to a line than their errors have no scatter") {
  auto points = six_budgets();
  for (LogPoint& p : points) p.y = 0.5 * p.x;
  for (const TauMethod method : {TauMethod::moments, TauMethod::paule_mandel, TauMethod::reml}) {
    CHECK(tau_squared(points, method) == 0);
  }
}
