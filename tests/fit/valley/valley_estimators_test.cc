// SPDX-License-Identifier: Apache-2.0
#include "fit/valley/valley_estimators.h"

#include <cmath>

#include "fit/points/settings.h"
#include "fit/valley/parabola.h"
#include "fit/valley/parametric_valley.h"
#include "fit/valley/valley_methods.h"
#include "isoflop/error.h"
#include "isoflop/fit.h"
#include "stats/statistics.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

test::SweepOracle sweep(double noise) {
  return {.surface = test::epoch_surface(),
          .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 5),
          .half_width = 4,
          .noise = noise,
          .seed = 5};
}

FitOptions quick() { return {.scale = LossLaw::Scale::params, .n_bootstrap = 0}; }

BudgetGroup cubic_curve(double optimum, double b2, double b3) {
  BudgetGroup group{.budget = 1e18, .compute = 1e18, .stated = true, .samples = {}};
  for (int i = 0; i < 9; ++i) {
    const double x = 0.4 * (i - 4) + 0.1;
    Sample sample;
    sample.scale = optimum * std::exp(x);
    sample.compute = 1e18;
    sample.tokens = 1e18 / (6 * sample.scale);
    sample.metric = 3 + b2 * x * x + b3 * x * x * x;
    group.samples.push_back(sample);
  }
  return group;
}

const ValleyEstimator& by(const Fit& fit, ValleyMethod method) {
  return fit.estimators.at(static_cast<std::size_t>(method));
}

}  // namespace

TEST_CASE("a cubic is found exactly, where a parabola is off") {
  const BudgetGroup curve = cubic_curve(1e8, 0.05, 0.01);
  const Valley parabola = fit_valley(curve);
  const ValleyEstimate cubic = fit_cubic(curve, parabola).estimate;
  REQUIRE(cubic.usable());
  CHECK(cubic.scale_opt == Approx(1e8).epsilon(1e-9));
  CHECK(cubic.tokens_opt == Approx(1e18 / 6e8).epsilon(1e-9));
  CHECK(cubic.loss_opt == Approx(3).epsilon(1e-12));
  CHECK(std::abs(std::log(parabola.scale_opt / 1e8)) > 0.01);
}

TEST_CASE("a cubic without a minimum among its sizes says so") {
  BudgetGroup falling = cubic_curve(1e8, 0.05, 0);
  for (Sample& sample : falling.samples) sample.metric = 3 - 0.1 * std::log(sample.scale / 1e8);
  const FitStatus status = fit_cubic(falling, fit_valley(falling)).estimate.status;
  CHECK((status == FitStatus::not_convex || status == FitStatus::not_bracketed));
}

TEST_CASE("the cubic's error is that of repeated draws") {
  const double noise = 0.002;
  std::vector<double> places;
  double predicted = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    test::SweepOracle oracle = sweep(noise);
    oracle.budgets = {1e19};
    oracle.seed = seed;
    const auto groups = group_by_budget(oracle.points(), oracle.surface.scale);
    const ValleyEstimate cubic = fit_cubic(groups[0], fit_valley(groups[0])).estimate;
    if (!cubic.usable()) continue;
    places.push_back(std::log(cubic.scale_opt));
    predicted += cubic.ln_scale_se * noise * cubic.loss_opt / 300;
  }
  CHECK(places.size() > 290);
  // An sd of 300 draws has an error of 4 %.
  CHECK(standard_deviation(places) == Approx(predicted).epsilon(0.15));
}

TEST_CASE("noise and interpolation finds the optimum within its error, the same every time") {
  const auto groups = group_by_budget(sweep(0.002).points(), LossLaw::Scale::params);
  const AkimaOptions options{.noise = 0.002};
  for (const BudgetGroup& group : groups) {
    const ValleyEstimate akima = fit_akima(group, fit_valley(group), options);
    REQUIRE(akima.usable());
    const double spacing = std::log(4.0) / 4;
    CHECK(akima.ln_scale_se >= spacing / 3 * (1 - 1e-9));
    CHECK(std::abs(std::log(akima.scale_opt / sweep(0).optimum(group.budget))) <
          4 * akima.ln_scale_se);
    CHECK(fit_akima(group, fit_valley(group), options).scale_opt == akima.scale_opt);
  }
}

TEST_CASE("without noise the interpolation's error is a third of the spacing") {
  const BudgetGroup curve = cubic_curve(1e8, 0.05, 0.01);
  const ValleyEstimate akima = fit_akima(curve, fit_valley(curve), {});
  CHECK(akima.ln_scale_se == Approx(0.4 / 3));
  CHECK(akima.edge_share == 0);
}

TEST_CASE("draws with the minimum at an end are left out, and say that nothing is bracketed") {
  BudgetGroup curve = cubic_curve(1e8, 0.05, 0);
  for (Sample& sample : curve.samples) sample.metric = 3 - 0.1 * std::log(sample.scale / 1e8);
  const ValleyEstimate akima = fit_akima(curve, fit_valley(curve), {.noise = 0.001});
  CHECK(akima.status == FitStatus::not_bracketed);
  CHECK(akima.edge_share > 0.9);
}

TEST_CASE(
    "on noise-free points the parametric valley is the optimum, and no two methods disagree") {
  const test::SweepOracle oracle = sweep(0);
  const Fit result = fit(oracle.points(), quick());
  REQUIRE(result.estimators.size() == 4);
  const ValleyEstimator& parametric = by(result, ValleyMethod::parametric);
  for (const ValleyEstimate& valley : parametric.valleys) {
    CHECK(valley.scale_opt == Approx(oracle.optimum(valley.compute)).epsilon(1e-5));
    CHECK(valley.scale_opt * valley.tokens_opt * 6 == Approx(valley.compute).epsilon(1e-9));
  }
  CHECK(parametric.scale_opt.law.exponent == Approx(oracle.exponent()).epsilon(1e-6));
  CHECK(by(result, ValleyMethod::cubic).scale_opt.law.exponent ==
        Approx(oracle.exponent()).epsilon(1e-4));
  REQUIRE(result.disagreement.size() == 7);
  CHECK(result.disagreement[5].extrapolation == 10);
  CHECK(result.disagreement[6].compute == Approx(1e22));
  for (const EstimatorDisagreement& entry : result.disagreement) {
    CHECK(entry.n_estimators == 4);
    CHECK(entry.largest_ln_ratio < 0.05);
  }
}

TEST_CASE("the parametric errors are those of repeated draws") {
  std::vector<double> optima, exponents;
  double optimum_se = 0, exponent_se = 0;
  constexpr int kReplications = 40;
  for (int i = 0; i < kReplications; ++i) {
    test::SweepOracle oracle = sweep(0.003);
    oracle.seed = static_cast<std::uint64_t>(i);
    FitOptions options = quick();
    options.holdout = 0;
    const Fit result = fit(oracle.points(), options);
    ValleyEstimator estimator = by(result, ValleyMethod::parametric);
    const auto groups = group_by_budget(oracle.points(), oracle.surface.scale);
    // Without the parabolas' scatter: the surface's own error is what is drawn here.
    estimator = parametric_estimator(groups, surface_samples(groups), *result.parametric, 0);
    REQUIRE(estimator.scale_opt.usable());
    optima.push_back(std::log(estimator.valleys.back().scale_opt));
    exponents.push_back(estimator.scale_opt.law.exponent);
    optimum_se += estimator.valleys.back().ln_scale_se / kReplications;
    exponent_se += estimator.scale_opt.exponent_se / kReplications;
  }
  // An sd of 40 draws has an error of 11 %; the delta method and the median's scale add their own.
  CHECK(standard_deviation(optima) == Approx(optimum_se).epsilon(0.35));
  CHECK(standard_deviation(exponents) == Approx(exponent_se).epsilon(0.35));
}

TEST_CASE("seeds give the noise of one run, and too few of them none") {
  const Rng rng(1);
  std::vector<BudgetGroup> groups(1);
  PointSet set;
  std::uint64_t draw = 0;
  for (int size = 0; size < 8; ++size) {
    for (std::int64_t seed = 0; seed < 5; ++seed) {
      Point point;
      point.params = 1e7 * std::pow(2, size);
      point.tokens = 1e18 / (6 * *point.params);
      point.loss = 3 * (1 + 0.004 * rng.normal(draw++));
      point.seed = seed;
      point.budget = 1e18;
      set.points.push_back(point);
    }
  }
  const auto noise = seed_noise(group_by_budget(set, LossLaw::Scale::params));
  REQUIRE(noise);
  // 32 degrees of freedom: 12.5 % each standard deviation.
  CHECK(*noise == Approx(0.004).epsilon(0.38));
  set.points.resize(3);
  CHECK_FALSE(seed_noise(group_by_budget(set, LossLaw::Scale::params)));
}

TEST_CASE("the parabola's bias in closed form has the printed examples and the exact limit") {
  // Epoch's and Chinchilla's alpha and beta, nine sizes: +1.4 % (exactly 1.43), +5.8 %; alpha three
  // times beta within a factor of 8: 17.9 % (exactly 17.6).
  CHECK(std::expm1(parabola_bias(0.34, 0.28, {.half_width = 4})) == Approx(0.0143).margin(1e-4));
  CHECK(std::expm1(parabola_bias(0.34, 0.28, {.half_width = 16})) == Approx(0.058).margin(5e-4));
  CHECK(std::expm1(parabola_bias(0.465, 0.155, {.half_width = 8})) == Approx(0.179).margin(1e-3));
  // h^2 (3 n^2 - 7) / (30 (n - 1)^2) for n sizes; h^2 / 10 and h^2 / 35 for many.
  const double h = std::log(4), g = -0.06;
  CHECK(parabola_bias(0.34, 0.28, {.half_width = 4, .n_sizes = 7}) ==
        Approx(-g * h * h * 140 / (30 * 36)).epsilon(1e-12));
  const double q = 0.34 * 0.34 - 0.34 * 0.28 + 0.28 * 0.28, x0 = 0.5;
  CHECK(parabola_bias(0.34, 0.28,
                      {.half_width = 4, .centre_ratio = std::exp(x0), .n_sizes = 100001}) ==
        Approx(g * (x0 * x0 / 2 - h * h / 10) + q * x0 * (x0 * x0 / 3 - h * h / 35)).epsilon(1e-4));
  CHECK_THROWS_AS(parabola_bias(0.34, 0.28, {.n_sizes = 2}), Error);
  CHECK_THROWS_AS(parabola_bias(0.34, 0.28, {.half_width = 1}), Error);
}

TEST_CASE("the closed form follows the computed bias on sizes off the optimum's centre") {
  for (const double off : {0.6, 1.0, 1.5}) {
    test::SweepOracle oracle = sweep(0);
    oracle.budgets = {1e19};
    oracle.half_width = 3;
    auto groups = group_by_budget(oracle.points(), oracle.surface.scale);
    for (Sample& sample : groups[0].samples) {
      sample.scale *= off;
      sample.tokens /= off;
      sample.metric = oracle.surface(sample.scale, sample.tokens);
    }
    const Valley valley = fit_valley(groups[0], 100);
    const double exact = predicted_bias(groups[0], valley, oracle.surface);
    // What is left is of fifth order.
    CHECK(closed_form_bias(groups[0], valley, oracle.surface) == Approx(exact).margin(2e-3));
  }
}
