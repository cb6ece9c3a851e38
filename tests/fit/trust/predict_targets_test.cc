// SPDX-License-Identifier: Apache-2.0
#include "fit/trust/predict_targets.h"

#include <cmath>

#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

test::SweepOracle sweep(double noise, double tau = 0) {
  return {.surface = test::epoch_surface(),
          .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 6),
          .noise = noise,
          .tau = tau};
}

FitOptions options(std::int64_t n_bootstrap) {
  return {.scale = LossLaw::Scale::params, .n_bootstrap = n_bootstrap};
}

/// A fit that knows a surface and nothing else.
Fit surface_alone() {
  Fit fit;
  fit.scale = LossLaw::Scale::params;
  fit.compute_to = 1e20;
  fit.parametric.emplace();
  fit.parametric->law = test::epoch_surface();
  fit.parametric->status = FitStatus::ok;
  return fit;
}

MinimaForecaster no_minima() { return {{}, {}, std::nullopt, published_prior()}; }

double ln_width(const Estimated& estimated) {
  return std::log(estimated.interval->high / estimated.interval->low);
}

}  // namespace

TEST_CASE("without noise both estimators find the optimum of a further budget") {
  const test::SweepOracle oracle = sweep(0);
  const Fit result = fit(oracle.points(), options(0));
  REQUIRE(result.targets.size() == 2);
  const double largest = oracle.budgets.back();
  CHECK(result.targets[0].compute == Approx(10 * largest));
  CHECK(result.targets[1].ratio == Approx(100));
  for (const Target& target : result.targets) {
    const Optimum truth = optimum_of(oracle.surface, target.compute);
    REQUIRE(target.estimates.size() == 3);
    // The parabola's bias at these sizes is 0.2 %, of its minimum less.
    for (const TargetEstimate& estimate : target.estimates) {
      CHECK(estimate.scale.value == Approx(truth.size).epsilon(5e-3));
      CHECK(estimate.tokens.value == Approx(truth.tokens).epsilon(5e-3));
      CHECK(estimate.loss.value == Approx(truth.loss).epsilon(5e-3));
    }
    CHECK(target.estimates[1].scale.value == Approx(truth.size).epsilon(1e-6));
    CHECK(std::abs(*target.disagreement) < 5e-3);
  }
}

TEST_CASE("a target may be any budget, and only one that is a number above 0") {
  FitOptions asked = options(0);
  asked.targets = {3e20, 1e19};
  const Fit result = fit(sweep(0).points(), asked);
  REQUIRE(result.targets.size() == 2);
  CHECK(result.targets[1].ratio == 1);  // inside the range
  asked.targets = {-1};
  CHECK(ISOFLOP_ERROR_MESSAGE(fit(sweep(0).points(), asked)).find("targets: ") == 0);
}

TEST_CASE("intervals hold the scatter between budgets and grow with the reach") {
  const Fit calm = fit(sweep(0.002).points(), options(60));
  const Fit scattered = fit(sweep(0.002, 0.15).points(), options(60));
  REQUIRE(scattered.scale_opt.tau > 0.05);
  for (std::size_t i = 0; i < 2; ++i) {
    const double tau_width = 2 * scattered.scale_opt.t * scattered.scale_opt.tau;
    for (const TargetEstimate& estimate : scattered.targets[i].estimates) {
      if (estimate.method == "posterior") continue;  // its tau is drawn to the prior's
      INFO(estimate.method);
      CHECK(ln_width(estimate.scale) >= tau_width);
      CHECK(ln_width(estimate.tokens) >= tau_width);
    }
    CHECK(ln_width(calm.targets[i].scale) < ln_width(scattered.targets[i].scale));
  }
  CHECK(ln_width(calm.targets[0].estimates[0].scale) <
        ln_width(calm.targets[1].estimates[0].scale));
  CHECK(ln_width(calm.targets[0].estimates[0].loss) < ln_width(calm.targets[1].estimates[0].loss));
}

TEST_CASE("the headline is one distribution, and its tokens are what its size leaves of C") {
  const test::SweepOracle oracle = sweep(0.003);
  const Fit result = fit(oracle.points(), options(0));
  const ForecastWeights& weights = result.forecast_weights;
  CHECK(weights.scale_surface > 0);
  CHECK(weights.scale_surface < 1);
  for (const Target& target : result.targets) {
    REQUIRE(target.scale.interval);
    const double product = target.compute / 6;
    CHECK(target.scale.value * target.tokens.value == Approx(product));
    CHECK(target.scale.interval->low * target.tokens.interval->high == Approx(product));
    const Optimum truth = optimum_of(oracle.surface, target.compute);
    CHECK(target.scale.interval->low < truth.size);
    CHECK(truth.size < target.scale.interval->high);
    CHECK(target.loss.interval->low < truth.loss);
    CHECK(truth.loss < target.loss.interval->high);
    // The trapezoids under it: 99 % of the distribution.
    double area = 0;
    for (std::size_t i = 1; i < target.scale_density.size(); ++i) {
      const DensityPoint &a = target.scale_density[i - 1], &b = target.scale_density[i];
      area += 0.5 * (a.density + b.density) * std::log(b.value / a.value);
    }
    CHECK(area == Approx(0.99).epsilon(0.01));
  }
}

TEST_CASE(
    "the surface has the weight that its hold-outs give it, and none where it is not believed") {
  const auto score = [](const char* method, double density) {
    HoldoutScore result{.method = method};
    result.scale_density = result.loss_density = density;
    return result;
  };
  const std::vector<HoldoutScore> even = {score("parametric", 1), score("posterior", 1)};
  CHECK(weights_of(even, true).scale_surface == Approx(0.5));
  CHECK(weights_of({}, true).loss_surface == Approx(0.5));
  CHECK(weights_of(even, false).scale_surface == 0);
  const std::vector<HoldoutScore> worse = {score("parametric", -1), score("posterior", 1)};
  CHECK(weights_of(worse, true).scale_surface == Approx(1 / (1 + std::exp(2))));
}

TEST_CASE("a poor hold-out, or none, lowers the light by one") {
  Fit fit = surface_alone();
  const auto lights = [&] {
    std::string text;
    for (const Target& target : predict_targets(
             fit, no_minima(), {.computes = {1e20, 5e20, 5e21, 5e23}, .flops_factor = 6})) {
      text += std::string(to_string(target.light)) + " ";
    }
    return text;
  };
  const std::string red = "only_with_holdout_evidence ";
  CHECK(lights() == "ok caution " + red + red);  // none
  fit.holdout_summary = {{.method = "parametric", .n_scores = 1}};
  CHECK(lights() == "ok ok caution " + red);
  fit.holdout_summary[0].misses_loss = true;
  fit.holdout_summary[0].median_per_decade.loss = 0.043;
  CHECK(lights() == "ok caution " + red + red);
  const Target target =
      predict_targets(fit, no_minima(), {.computes = {5e21}, .flops_factor = 6}).front();
  CHECK(target.light_reasons ==
        std::vector<std::string>{"50x beyond the data",
                                 "hold-outs miss the loss by 4.3 % per decade"});
}

TEST_CASE("being wrong costs what the surface says, in FLOPs, hours and money") {
  Fit fit = surface_alone();
  fit.holdout_summary = {{.method = "parametric", .n_scores = 1}};
  fit.surface_intervals.emplace();
  const double best = optimum_of(fit.parametric->law, 1e21).size;
  OptimumForecast& forecast = fit.surface_intervals->forecasts.emplace_back();
  forecast.compute = 1e21;
  forecast.scale_opt = best;
  forecast.next = {best / 2, 2 * best};
  const TargetOptions asked{
      .computes = {1e21},
      .flops_factor = 6,
      .rate = ComputeRate{.gpu_peak_flops = 1e15, .mfu = 0.5, .price_per_gpu_hour = 3}};
  const Target target = predict_targets(fit, no_minima(), asked).front();
  REQUIRE(target.overestimate);
  CHECK(target.overestimate->waste.size_ratio == Approx(2).epsilon(1e-4));
  CHECK(target.underestimate->waste.size_ratio == Approx(0.5).epsilon(1e-4));
  CHECK(100 * target.overestimate->waste.wasted_share == Approx(15.7).margin(0.05));
  CHECK(target.overestimate->waste.wasted_compute ==
        Approx(1e21 * target.overestimate->waste.wasted_share));
  CHECK(*target.overestimate->gpu_hours ==
        Approx(target.overestimate->waste.wasted_compute / 5e14 / 3600));
  CHECK(*target.overestimate->price == Approx(3 * *target.overestimate->gpu_hours));
  REQUIRE(target.flat.size() == 2);
  CHECK(target.flat[0].low > target.flat[1].low);
  CHECK(target.flat[1].high > target.scale.value);
  fit.parametric.reset();
  CHECK(predict_targets(fit, no_minima(), asked).empty());
}

TEST_CASE("where C is not 6 N D the surface is asked at the sizes that C buys") {
  const Fit fit = surface_alone();
  const double k = 7.3;
  const Target target =
      predict_targets(fit, no_minima(), {.computes = {1e21}, .flops_factor = k}).front();
  const TargetEstimate& estimate = target.estimates.front();
  CHECK(k * estimate.scale.value * estimate.tokens.value == Approx(1e21).epsilon(1e-12));
  CHECK(target.flat[0].low < estimate.scale.value);
  CHECK(target.flat[0].high > estimate.scale.value);
}

TEST_CASE("laws that point nowhere still give an answer that can be written") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    test::SweepOracle oracle = sweep(0.05);
    oracle.budgets = test::geometric_budgets(1e18, 1.02, 4);
    oracle.seed = seed;
    CHECK_NOTHROW(to_json(fit(oracle.points(), options(10))));
  }
}
