// SPDX-License-Identifier: Apache-2.0
#include "isoflop/fit.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

test::SweepOracle sweep(double noise = 0) {
  return {.surface = test::epoch_surface(),
          .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 5),
          .half_width = 4,
          .noise = noise};
}

FitOptions quick() { return {.scale = LossLaw::Scale::params, .n_bootstrap = 0}; }

bool warns(const Fit& fit, const std::string& words) {
  return std::any_of(fit.warnings.begin(), fit.warnings.end(), [&](const std::string& warning) {
    return warning.find(words) != std::string::npos;
  });
}

// A grid of learning rates and batches for one model at the oracle's smallest budget.
void add_grid(PointSet& set, const test::SweepOracle& oracle, double budget) {
  for (int i = -3; i <= 3; ++i) {
    for (int j = -3; j <= 3; ++j) {
      Point point;
      point.params = oracle.optimum(budget);
      point.tokens = budget / (6 * *point.params);
      point.budget = budget;
      point.compute = budget;
      point.batch_tokens = 65536 * std::pow(2, i);
      point.peak_lr = 2e-3 * std::pow(2, j);
      point.loss = oracle.surface(*point.params, point.tokens) * (1 + 0.003 * (i * i + j * j));
      set.points.push_back(point);
    }
  }
}

}  // namespace

TEST_CASE("a noise-free sweep gives the exponents of its surface") {
  const test::SweepOracle oracle = sweep();
  const Fit result = fit(oracle.points(), quick());
  REQUIRE(result.usable());
  CHECK(result.valleys.size() == 5);
  CHECK(result.n_points == 45);
  // A constant bias of the parabola moves the coefficient and leaves the exponent.
  CHECK(result.scale_opt.law.exponent == Approx(oracle.exponent()).epsilon(1e-6));
  CHECK(result.tokens_opt.law.exponent == Approx(1 - oracle.exponent()).epsilon(1e-6));
  CHECK(result.scale_opt.tau < 1e-6);
  REQUIRE(result.parametric);
  CHECK(result.parametric->law.alpha == Approx(0.3478).epsilon(1e-6));
  CHECK(result.parametric->a_exponent == Approx(oracle.exponent()).epsilon(1e-6));
  REQUIRE(result.frontier);
  CHECK(result.frontier->relative_error);
  CHECK(result.compute_from == Approx(1e18));
  CHECK(result.compute_to == Approx(1e20));
  CHECK(result.holdout.size() == 3 + 6);  // up to two budgets left out, each by three methods
  CHECK_FALSE(result.hyper);
  for (const Valley& valley : result.valleys) {
    const double error = std::log(valley.scale_opt / oracle.optimum(valley.compute));
    CHECK(valley.predicted_bias == Approx(error).margin(1e-6));
  }
}

TEST_CASE("equal points and options give equal fits") {
  const PointSet points = sweep(0.003).points();
  FitOptions options = quick();
  options.n_bootstrap = 50;
  CHECK(to_json(fit(points, options)) == to_json(fit(points, options)));
  PointSet shuffled = points;
  std::reverse(shuffled.points.begin(), shuffled.points.end());
  const Fit a = fit(points, quick());
  const Fit b = fit(shuffled, quick());
  CHECK(a.scale_opt.law.exponent == Approx(b.scale_opt.law.exponent).epsilon(1e-12));
  CHECK(a.parametric->objective_value == Approx(b.parametric->objective_value).epsilon(1e-9));
}

TEST_CASE("an unbracketed budget is left out of the laws and said to be") {
  PointSet points = sweep().points();
  // Of the largest budget only the sizes up to the optimum were run.
  const double largest = *points.points.back().budget;
  const double limit = sweep().optimum(largest) * 1.1;
  std::erase_if(points.points,
                [&](const Point& p) { return *p.budget == largest && *p.params > limit; });
  const Fit result = fit(points, quick());
  REQUIRE(result.valleys.size() == 5);
  CHECK(result.valleys.back().status == FitStatus::not_bracketed);
  CHECK(result.scale_opt.n_points == 4);
  CHECK(result.compute_to < 0.9 * largest);
  CHECK(warns(result, "budget 1e+20: the minimum is not bracketed; run larger models"));
  CHECK(result.scale_opt.law.exponent == Approx(sweep().exponent()).epsilon(1e-5));
}

TEST_CASE("too few budgets are no allocation law, and said to be") {
  test::SweepOracle oracle = sweep();
  oracle.budgets.resize(2);
  const Fit result = fit(oracle.points(), quick());
  CHECK_FALSE(result.usable());
  CHECK(result.scale_opt.status == FitStatus::too_few_points);
  CHECK(warns(result, "needs 3 budgets with a bracketed minimum; there are 2"));
}

TEST_CASE("scatter beyond the noise, short ranges and rising losses are said") {
  test::SweepOracle oracle = sweep(0.0005);
  oracle.tau = 0.3;
  oracle.half_width = 8;
  CHECK(warns(fit(oracle.points(), quick()), "scatter around their law"));
  oracle = sweep();
  oracle.budgets = test::geometric_budgets(1e18, 1.5, 4);
  CHECK(warns(fit(oracle.points(), quick()), "an exponent needs a decade"));
  PointSet points = sweep().points();
  for (Point& p : points.points) {
    if (*p.budget == 1e18) p.loss = *p.loss * 0.5;
  }
  CHECK(warns(fit(points, quick()), "the best loss is no lower than at 1e+18"));
}

TEST_CASE("grids beside curves give hyper-parameter laws and leave the curves alone") {
  const test::SweepOracle oracle = sweep();
  PointSet points = oracle.points();
  for (Point& p : points.points) {
    p.batch_tokens = 65536;
    p.peak_lr = 2e-3;
  }
  const Fit without = fit(points, quick());
  for (const double budget : {oracle.budgets[0], oracle.budgets[2], oracle.budgets[4]}) {
    add_grid(points, oracle, budget);
  }
  const Fit result = fit(points, quick());
  REQUIRE(result.hyper);
  CHECK(result.hyper->n_cells == 3);
  CHECK(result.hyper->batch_tokens.law(1e19) == Approx(65536).epsilon(1e-6));
  CHECK(result.hyper->peak_lr.law(1e19) == Approx(2e-3).epsilon(1e-6));
  CHECK(result.scale_opt.law.exponent == Approx(without.scale_opt.law.exponent).epsilon(1e-9));
  CHECK(result.parametric->law.alpha == Approx(0.3478).epsilon(1e-5));
}

TEST_CASE("one grid alone assumes the exponents and says so, and its edges are told") {
  PointSet points;
  points.frame = {.dataset = "oracle", .tokenizer = ""};
  add_grid(points, sweep(), 1e18);
  Fit result = fit(points, quick());
  REQUIRE(result.hyper);
  CHECK(result.hyper->peak_lr.exponent_assumed);
  CHECK(warns(result,
              "Law of batch size and learning rate: 1 grid does not determine the exponent; "
              "assumed 0.3271 and -0.125"));
  CHECK(warns(result, "No budget has the 5 sizes"));
  std::erase_if(points.points, [](const Point& p) { return *p.peak_lr > 2.1e-3; });
  result = fit(points, quick());
  CHECK(warns(result, "near-optimal learning rates reach the edge of the grid"));
}

TEST_CASE("points of two data sets, no points and bad options are refused") {
  PointSet points = sweep().points();
  points.points[3].dataset = "another";
  CHECK(ISOFLOP_ERROR_MESSAGE(fit(points, quick())).find("dataset differs") != std::string::npos);
  CHECK(ISOFLOP_ERROR_MESSAGE(fit(PointSet{}, quick())).find("there are none") !=
        std::string::npos);
  points = sweep().points();
  const auto message = [&](auto change) {
    FitOptions options = quick();
    change(options);
    return ISOFLOP_ERROR_MESSAGE(fit(points, options));
  };
  CHECK(message([](FitOptions& o) { o.delta = 0; }).find("delta must be") == 0);
  CHECK(message([](FitOptions& o) { o.n_bootstrap = -1; }).find("n_bootstrap must be") == 0);
  CHECK(message([](FitOptions& o) { o.holdout = -1; }).find("holdout must be") == 0);
  CHECK(message([](FitOptions& o) { o.band = 1; }).find("band must be") == 0);
}

TEST_CASE("bits per byte are fitted where the frame says so") {
  PointSet points = sweep().points();
  points.frame.metric = Metric::bits_per_byte;
  for (Point& p : points.points) {
    p.bits_per_byte = *p.loss / std::log(2.0) / 4;
    p.loss = 100;
  }
  const Fit result = fit(points, quick());
  CHECK(result.scale_opt.law.exponent == Approx(sweep().exponent()).epsilon(1e-6));
  CHECK(result.parametric->law.irreducible == Approx(1.8172 / std::log(2.0) / 4).epsilon(1e-5));
}

TEST_CASE("exact points of two budgets end, whatever budget is asked for") {
  test::SweepOracle oracle = sweep();
  oracle.budgets = {1e18, 3e18};
  FitOptions options = quick();
  for (const double target : {3.1e18, 6e18, 1e21}) {
    options.targets = {target};
    CHECK_NOTHROW(to_json(fit(oracle.points(), options)));
  }
}
