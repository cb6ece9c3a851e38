// SPDX-License-Identifier: Apache-2.0
#include "stats/resampling.h"

#include <cmath>

#include "fit/surface/loss_bootstrap.h"
#include "fit/surface/loss_search.h"
#include "isoflop/fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

test::SweepOracle sweep(double noise) {
  return {.surface = test::epoch_surface(),
          .budgets = test::geometric_budgets(1e18, 3, 5),
          .n_sizes = 7,
          .half_width = 5,
          .noise = noise,
          .seed = 2};
}

/// Every run twice, `spread` apart in the logarithm, as two seeds.
PointSet two_seeds(const PointSet& points, double spread) {
  PointSet result = points;
  result.points.clear();
  for (const Point& point : points.points) {
    for (const int seed : {0, 1}) {
      result.points.push_back(point);
      result.points.back().seed = seed;
      *result.points.back().loss *= std::exp((seed - 0.5) * spread);
    }
  }
  return result;
}

std::vector<LossSample> seeded_samples() {
  std::vector<LossSample> samples;
  for (const Point& point : sweep(0.003).points().points) {
    samples.push_back({*point.params, point.tokens, *point.loss});
  }
  // Every third with seeds: 1 to 3 of them.
  for (std::size_t i = 0; i < samples.size(); i += 3) {
    const double loss = samples[i].loss;
    samples[i].by_seed = {0.99 * loss, loss, 1.01 * loss};
    if (i % 2 == 0) samples[i].by_seed = {0.995 * loss, 1.005 * loss};
  }
  return samples;
}

}  // namespace

TEST_CASE("runs of a trunk are one unit, and trunks cut across the strata") {
  const std::vector<std::string> trunks = {"a", "", "b", "a", "", "b", "a"};
  const std::vector<std::int64_t> budget = {5, 5, 5, 2, 2, 2, 2};
  const std::vector<RunUnit> units = {{0, 3, 6}, {1}, {2, 5}, {4}};
  CHECK(trunk_units(trunks) == units);
  CHECK(strata_of(trunks, budget) == Strata{units});
  const std::vector<std::string> none(7);
  CHECK(strata_of(none, budget) == Strata{{{3}, {4}, {5}, {6}}, {{0}, {1}, {2}}});
}

TEST_CASE("as many units are drawn as a stratum has, by numbers of the seed and the resample") {
  const Strata strata = {{{3}, {4}, {5}, {6}}, {{0, 7}, {1}, {2}}};
  Draws draws(9, 4);
  std::vector<std::size_t> drawn;
  draw_runs(strata, draws, [&](std::size_t run) { drawn.push_back(run); });
  std::vector<std::size_t> expected;
  const Rng rng(9, 4);
  for (std::uint64_t i = 0; i < 4; ++i) expected.push_back(3 + rng.below(4, i));
  for (std::uint64_t i = 4; i < 7; ++i) {
    const std::size_t unit = rng.below(3, i);
    expected.push_back(unit);
    if (unit == 0) expected.push_back(7);
  }
  CHECK(drawn == expected);
}

TEST_CASE("a point that was run with seeds is drawn at a mean of drawn seeds") {
  const std::vector<LossSample> samples = seeded_samples();
  const Resampler resampler(samples, {.seed = 3});
  LossResample resample{std::vector<double>(samples.size())};
  int n_moved = 0, n_redrawn = 0;
  for (std::uint64_t i = 0; i < 50; ++i) {
    resampler.draw(i, resample);
    double n_drawn = static_cast<double>(resample.redrawn.size());
    for (std::size_t k = 0; k < samples.size(); ++k) {
      n_drawn += resample.weights[k];
      if (!samples[k].by_seed.empty()) CHECK(resample.weights[k] == 0);
    }
    CHECK(n_drawn == static_cast<double>(samples.size()));
    for (const auto& [point, target] : resample.redrawn) {
      const LossSample& sample = samples[point];
      const double ratio = std::exp(target) / sample.loss;
      CHECK(ratio >= sample.by_seed.front() / sample.loss * (1 - 1e-12));
      CHECK(ratio <= sample.by_seed.back() / sample.loss * (1 + 1e-12));
      n_moved += std::abs(ratio - 1) > 1e-9;
      ++n_redrawn;
    }
  }
  CHECK(n_redrawn > 400);
  // Two seeds are drawn unequal in 1/2, three with another mean than theirs in 20 of 27.
  CHECK(n_moved > 0.5 * n_redrawn);
  CHECK(n_moved < 0.75 * n_redrawn);
}

TEST_CASE("the optimum of a resample is that of its points written out") {
  const std::vector<LossSample> samples = seeded_samples();
  for (const ObjectiveKind kind :
       {ObjectiveKind::huber_log, ObjectiveKind::huber, ObjectiveKind::mse}) {
    const LossPoints points(samples);
    const LossObjective objective = points.objective(kind, 1e-3);
    const LossSearch known = search_basins(objective);
    const Resampler resampler(samples, {.objective = kind});
    ResampleSearch search(objective, known);
    LossResample resample{std::vector<double>(points.padded_size())};
    for (std::uint64_t i = 0; i < 4; ++i) {
      resampler.draw(i, resample);
      std::vector<LossSample> drawn;
      for (std::size_t k = 0; k < samples.size(); ++k) {
        if (!(resample.weights[k] > 0)) continue;
        drawn.push_back({samples[k].size, samples[k].tokens, samples[k].loss, resample.weights[k]});
      }
      for (const auto& [point, target] : resample.redrawn) {
        const double loss = kind == ObjectiveKind::huber_log ? std::exp(target) : target;
        drawn.push_back({samples[point].size, samples[point].tokens, loss});
      }
      const double found = search.minimize_resample(resample).value;
      const LossPoints written(drawn);
      CHECK(found ==
            Approx(search_basins(written.objective(kind, 1e-3)).best().value).epsilon(1e-8));
    }
  }
}

TEST_CASE("a bootstrap with seeds does not depend on the number of threads") {
  const std::vector<LossSample> samples = seeded_samples();
  const auto run = [&](int n_threads) {
    return fit_loss_law(samples, {.n_bootstrap = 70, .seed = 3, .n_threads = n_threads});
  };
  CHECK(run(1).standard_errors == run(3).standard_errors);
}

TEST_CASE("the spread between seeds reaches the surface's resamples") {
  FitOptions options;
  options.scale = LossLaw::Scale::params;
  options.objective = ObjectiveKind::mse;
  options.n_bootstrap = 60;
  options.holdout = 0;
  // Noise-free runs: only the drawing of seeds moves the surface.
  const auto error_of = [&](double spread) {
    return fit(two_seeds(sweep(0).points(), spread), options).parametric->standard_errors["alpha"];
  };
  const double narrow = error_of(0.001), wide = error_of(0.004);
  CHECK(narrow > 1e-4);
  CHECK(wide == Approx(4 * narrow).epsilon(0.3));
}
