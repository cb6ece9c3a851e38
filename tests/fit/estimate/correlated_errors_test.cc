// SPDX-License-Identifier: Apache-2.0
#include "stats/correlated_errors.h"

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "fit/estimate/power_law_fit.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

constexpr std::size_t kBudgets = 6;

std::vector<LogPoint> six_budgets() {
  const double x[] = {1e17, 3e17, 1e18, 3e18, 1e19, 3e19};
  const double y[] = {1.02, 1.61, 2.30, 2.75, 3.52, 3.96};
  const double se[] = {0.02, 0.03, 0.02, 0.05, 0.04, 0.03};
  std::vector<LogPoint> points;
  for (std::size_t i = 0; i < kBudgets; ++i) {
    points.push_back({std::log(x[i]), y[i], se[i] * se[i]});
  }
  return points;
}

/// rho^|i - j|.
Correlation falling(double rho) {
  Correlation result;
  for (std::size_t i = 0; i < kBudgets; ++i) {
    for (std::size_t j = 0; j < kBudgets; ++j) {
      result.push_back(std::pow(rho, std::abs(static_cast<double>(i) - static_cast<double>(j))));
    }
  }
  return result;
}

}  // namespace

TEST_CASE("errors of a line through correlated points are those of an independent computation") {
  // By numpy, with the matrices P and V written out in full.
  const auto points = six_budgets();
  const Correlation correlation = falling(0.6);
  const double scatter = tau_squared(points, correlation);
  CHECK(scatter == Approx(0.0033201795116912644).epsilon(1e-9));
  const LineErrors errors = line_errors(points, scatter, correlation);
  CHECK(errors.slope_se == Approx(0.01424682688242591).epsilon(1e-9));
  CHECK(errors.centre == Approx(41.71288075676792).epsilon(1e-9));
  CHECK(errors.level_se == Approx(0.03223287828298032).epsilon(1e-9));
  CHECK(errors.dof == Approx(3.969967447420488).epsilon(1e-9));
  const LineErrors without_scatter = line_errors(points, 0, correlation);
  CHECK(without_scatter.slope_se == Approx(0.01896539353449321).epsilon(1e-9));
  CHECK(without_scatter.level_se == Approx(0.05103573714911118).epsilon(1e-9));
  CHECK(without_scatter.dof == Approx(3.45649549529674).epsilon(1e-9));
}

TEST_CASE("a correlation of 0 is none") {
  const auto points = six_budgets();
  CHECK(tau_squared(points, falling(0)) == Approx(tau_squared(points, {})).epsilon(1e-12));
  const LineErrors zero = line_errors(points, 0.003, falling(0));
  const LineErrors none = line_errors(points, 0.003, {});
  CHECK(zero.centre == Approx(none.centre).epsilon(1e-12));
  CHECK(zero.level_se == Approx(none.level_se).epsilon(1e-12));
  CHECK(zero.slope_se == Approx(none.slope_se).epsilon(1e-12));
  CHECK(zero.dof == Approx(4).epsilon(1e-12));
  CHECK(none.dof == 4);
}

TEST_CASE("with errors that are correlated as stated the interval covers, and without does not") {
  constexpr int kLaws = 2000;
  constexpr double kRho = 0.8, kError = 0.03;
  int covered = 0, ignored = 0;
  for (int law = 0; law < kLaws; ++law) {
    const Rng rng(static_cast<std::uint64_t>(law));
    std::vector<PowerLawPoint> points;
    double error = rng.normal(0);
    for (std::size_t i = 0; i < kBudgets; ++i) {
      const double x = 1e17 * std::pow(3, i);
      points.push_back({x, std::pow(x, 0.5) * std::exp(kError * error), kError});
      error = kRho * error + std::sqrt(1 - kRho * kRho) * rng.normal(i + 1);
    }
    const auto holds = [](const Interval& i) { return i.low <= 0.5 && 0.5 <= i.high; };
    covered += holds(fit_power_law(points, falling(kRho)).exponent);
    ignored += holds(fit_power_law(points).exponent);
  }
  // 2,000 draws of probability 0.9 have a standard deviation of 0.7 %.
  CHECK(covered >= 0.87 * kLaws);
  CHECK(covered <= 0.94 * kLaws);
  CHECK(ignored < 0.8 * kLaws);
}
