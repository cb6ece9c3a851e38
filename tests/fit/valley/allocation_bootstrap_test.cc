// SPDX-License-Identifier: Apache-2.0
#include "fit/valley/allocation_bootstrap.h"

#include <cmath>

#include "fit/points/settings.h"
#include "fit/valley/isoflop_fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

std::vector<BudgetGroup> curves_of(const PointSet& points) {
  std::vector<BudgetGroup> curves;
  for (const BudgetGroup& group : group_by_budget(points, LossLaw::Scale::params)) {
    curves.push_back(one_per_scale(group));
  }
  return curves;
}

test::SweepOracle sweep(double noise, std::uint64_t seed = 0) {
  return {.surface = test::epoch_surface(),
          .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 5),
          .n_sizes = 13,
          .noise = noise,
          .seed = seed};
}

double width(const Interval& interval) { return interval.high - interval.low; }

}  // namespace

TEST_CASE("resampled exponents lie around the found one, and tokens mirror the scale") {
  const auto curves = curves_of(sweep(0.003).points());
  const auto bootstrap = bootstrap_allocation(curves, {.n_resamples = 200});
  REQUIRE(bootstrap);
  const double found = fit_isoflop(curves).scale_opt.law.exponent;
  CHECK(bootstrap->scale_exponent.low < found);
  CHECK(bootstrap->scale_exponent.high > found);
  CHECK(bootstrap->tokens_exponent.low == Approx(1 - bootstrap->scale_exponent.high).margin(1e-3));
  CHECK(bootstrap->n_resamples == 200);
  CHECK(bootstrap->n_failed < 20);
  CHECK_FALSE(bootstrap->by_trunk);
}

TEST_CASE("the scatter between budgets widens the interval as the regression says") {
  const auto curves = curves_of(sweep(0).points());
  const double tau = 0.1;
  const auto bootstrap = bootstrap_allocation(curves, {.n_resamples = 1000, .tau = tau});
  REQUIRE(bootstrap);
  // Slope of 5 budgets, half a decade apart, each shifted by tau.
  double spread = 0;
  for (int i = -2; i <= 2; ++i) spread += std::pow(i * 0.5 * std::log(10.0), 2);
  CHECK(width(bootstrap->scale_exponent) ==
        Approx(2 * 1.645 * tau / std::sqrt(spread)).epsilon(0.12));
  const auto still = bootstrap_allocation(curves, {.n_resamples = 100});
  CHECK(width(still->scale_exponent) < 0.1 * width(bootstrap->scale_exponent));
}

TEST_CASE("over sweeps drawn anew the width is about the spread of the exponents") {
  std::vector<double> exponents;
  double mean_width = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto curves = curves_of(sweep(0.003, seed).points());
    exponents.push_back(fit_isoflop(curves).scale_opt.law.exponent);
    mean_width += width(bootstrap_allocation(curves, {.n_resamples = 60})->scale_exponent) / 40;
  }
  double mean = 0, squares = 0;
  for (const double e : exponents) mean += e / 40;
  for (const double e : exponents) squares += (e - mean) * (e - mean) / 39;
  // 40 sweeps know their own sd to 11 %; drawing 13 runs with replacement widens by leaving some
  // out.
  const double expected = 2 * 1.645 * std::sqrt(squares);
  CHECK(mean_width > 0.7 * expected);
  CHECK(mean_width < 2 * expected);
}

TEST_CASE("trunks are drawn whole, seeds within their cell") {
  PointSet points = sweep(0.003).points();
  for (std::size_t i = 0; i < points.points.size(); ++i) {
    points.points[i].trunk = "size " + std::to_string(i % 13);
  }
  const auto by_trunk = bootstrap_allocation(curves_of(points), {.n_resamples = 100});
  REQUIRE(by_trunk);
  CHECK(by_trunk->by_trunk);

  // With the runs themselves always the same, only the drawing of seeds is left to move anything.
  points = sweep(0).points();
  auto curves = curves_of(points);
  for (BudgetGroup& curve : curves) {
    for (Sample& sample : curve.samples) sample.by_seed = {sample.metric, sample.metric};
  }
  const auto equal_seeds = bootstrap_allocation(curves, {.n_resamples = 100});
  for (BudgetGroup& curve : curves) {
    for (Sample& sample : curve.samples) {
      sample.by_seed = {0.995 * sample.metric, 1.005 * sample.metric};
    }
  }
  const auto unequal_seeds = bootstrap_allocation(curves, {.n_resamples = 100});
  CHECK(width(unequal_seeds->scale_exponent) > 3 * width(equal_seeds->scale_exponent));
}

TEST_CASE("equal seeds give equal intervals; nothing is resampled where there is no law") {
  const auto curves = curves_of(sweep(0.003).points());
  const auto a = bootstrap_allocation(curves, {.n_resamples = 30, .seed = 7});
  const auto b = bootstrap_allocation(curves, {.n_resamples = 30, .seed = 7});
  const auto c = bootstrap_allocation(curves, {.n_resamples = 30, .seed = 8});
  CHECK(a->scale_exponent.low == b->scale_exponent.low);
  CHECK(a->scale_exponent.low != c->scale_exponent.low);
  CHECK_FALSE(bootstrap_allocation(curves, {.n_resamples = 0}));
  CHECK_FALSE(bootstrap_allocation(std::span(curves).first(2), {.n_resamples = 30}));
}
