// SPDX-License-Identifier: Apache-2.0
#include "fit/trust/sample_size.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "stats/statistics.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

Sample cell(double metric, std::vector<double> offsets) {
  Sample sample;
  sample.metric = metric;
  for (const double offset : offsets) sample.by_seed.push_back(metric + offset);
  return sample;
}

/// `n_cells` cells with sd s0 exp(s1 (L - 3)) of `n_seeds` seeds each.
std::vector<Sample> cells(int n_cells, int n_seeds, double s0, double s1) {
  std::vector<Sample> samples;
  const Rng rng(5);
  std::uint64_t draw = 0;
  for (int i = 0; i < n_cells; ++i) {
    const double metric = 2 + 2.0 * i / (n_cells - 1);
    std::vector<double> offsets;
    for (int j = 0; j < n_seeds; ++j) {
      offsets.push_back(s0 * std::exp(s1 * (metric - 3)) * rng.normal(draw++));
    }
    samples.push_back(cell(metric, offsets));
  }
  return samples;
}

PointSet with_trunks(PointSet points, std::int64_t n_trunks) {
  for (std::size_t i = 0; i < points.points.size(); ++i) {
    points.points[i].trunk = "t" + std::to_string(static_cast<std::int64_t>(i) % n_trunks);
  }
  return points;
}

test::SweepOracle sweep(double noise) {
  return {.surface = test::epoch_surface(),
          .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 5),
          .noise = noise};
}

}  // namespace

TEST_CASE("seeds of two cells are pooled by their degrees of freedom") {
  const std::vector<Sample> samples = {cell(3, {-0.01, 0.01}), cell(4, {-0.02, 0, 0.02}),
                                       cell(5, {})};
  const auto noise = pool_seed_noise(samples);
  REQUIRE(noise);
  CHECK(noise->n_cells == 2);
  CHECK(noise->dof == 3);
  CHECK(noise->s0 == Approx(std::sqrt((1 * 0.0002 + 2 * 0.0004) / 3)));
  CHECK(noise->s1 == 0);
  CHECK(noise->s0_interval.low < noise->s0);
  CHECK(noise->s0_interval.high > noise->s0);
  CHECK_FALSE(pool_seed_noise(std::vector<Sample>{cell(3, {0.1}), cell(3, {})}));
}

TEST_CASE("a planted sd that grows with the loss is found, at the likelihood's optimum") {
  const std::vector<Sample> samples = cells(60, 8, 0.01, 0.9);
  const auto noise = pool_seed_noise(samples);
  REQUIRE(noise);
  CHECK(noise->mean == Approx(3));
  // Standard errors: 1 / sqrt(2 * 420) of ln s0, and that over the metrics' sd 0.58 of s1.
  CHECK(std::log(noise->s0 / 0.01) == Approx(0).margin(3 * 0.035));
  CHECK(noise->s1 == Approx(0.9).margin(3 * 0.06));
  CHECK((*noise)(4) == Approx(noise->s0 * std::exp(noise->s1)));
  double level = 0, slope = 0;
  for (const Sample& sample : samples) {
    const double sd = standard_deviation(sample.by_seed);
    const double excess = std::pow(sd / (*noise)(sample.metric), 2) - 1;
    level += 7 * excess;
    slope += 7 * excess * (sample.metric - noise->mean);
  }
  CHECK(std::abs(level) < 1e-8);
  CHECK(std::abs(slope) < 1e-8);
}

TEST_CASE("independent runs count for themselves and trunks for what they are worth") {
  Fit result;
  const PointSet points = sweep(0).points();
  count_sample(points, {}, result);
  CHECK(result.sample_size.n_independent == 45);
  CHECK(result.sample_size.effective == Approx(45));
  count_sample(with_trunks(points, 9), {}, result);
  CHECK(result.sample_size.n_independent == 9);
  CHECK(result.sample_size.effective == Approx(9));
  PointSet uneven = points;
  for (std::size_t i = 0; i < 40; ++i) uneven.points[i].trunk = "one";
  count_sample(uneven, {}, result);
  CHECK(result.sample_size.n_independent == 6);
  CHECK(result.sample_size.effective == Approx(45.0 * 45 / (40 * 40 + 5)));
}

TEST_CASE("the published interval of Chinchilla's exponent would need some 600,000 runs") {
  // arXiv:2404.10102: 240 points give a standard error of 0.02; arXiv:2203.15556 states 0.454 to
  // 0.455 with 80 %.
  const double stated_se = 0.5 * 0.001 / 1.2816;
  const double n = runs_needed(240, 0.02, stated_se);
  CHECK(n > 5e5);
  CHECK(n < 7e5);
  CHECK(runs_needed(100, 0.1, 0.05) == Approx(400));
}

TEST_CASE("noise alone gives the surface an interval that its bootstrap agrees with") {
  const test::SweepOracle oracle = sweep(0.002);
  const Fit result =
      fit(oracle.points(),
          {.scale = LossLaw::Scale::params, .objective = ObjectiveKind::mse, .n_bootstrap = 200});
  REQUIRE(result.sample_size.intervals.size() == 5);
  for (const IntervalWorth& worth : result.sample_size.intervals) {
    INFO(worth.of);
    const double width = worth.interval.high - worth.interval.low;
    // Of 45 runs the bootstrap's width is itself uncertain by a quarter or so.
    CHECK(width / worth.noise_width > 0.5);
    CHECK(width / worth.noise_width < 3);
    CHECK(worth.runs_needed == Approx(runs_needed(45, worth.noise_width, width)));
    CHECK(worth.runs_to_halve == 3 * 45);
  }
}

TEST_CASE("the detectable difference is that of a two-sample test of known noise") {
  const Fit result =
      fit(sweep(0.002).points(), {.scale = LossLaw::Scale::params, .n_bootstrap = 0});
  REQUIRE(result.sample_size.detectable_difference);
  const double noise = result.sample_size.run_noise.value();
  CHECK(noise == Approx(0.002).epsilon(0.4));
  // (1.960 + 0.842) sqrt 2 for many degrees of freedom, a little more for 30.
  CHECK(*result.sample_size.detectable_difference > 2.802 * std::sqrt(2.0) * noise);
  CHECK(*result.sample_size.detectable_difference < 3.1 * std::sqrt(2.0) * noise);
}

TEST_CASE("seeds enter the noise of a run") {
  PointSet points = sweep(0).points();
  const Rng rng(3);
  const std::size_t n = points.points.size();
  for (std::size_t i = 0; i < n; ++i) {
    points.points[i].seed = 0;
    Point again = points.points[i];
    again.seed = 1;
    again.loss = *again.loss * (1 + 0.01 * rng.normal(i));
    points.points.push_back(again);
  }
  const Fit result = fit(points, {.scale = LossLaw::Scale::params, .n_bootstrap = 0});
  REQUIRE(result.sample_size.seed_noise);
  CHECK(result.sample_size.seed_noise->n_cells == 45);
  CHECK(result.sample_size.seed_noise->dof == 45);
  // Half the squared difference of two runs is the variance: of one noisy run of two, 0.01^2 / 2.
  const double relative = result.sample_size.seed_noise->s0 / result.sample_size.seed_noise->mean;
  CHECK(relative == Approx(0.01 / std::sqrt(2.0)).epsilon(0.35));
  CHECK(result.sample_size.run_noise.value() >= relative);
}
