// SPDX-License-Identifier: Apache-2.0
#include "fit/trust/holdout.h"

#include <cmath>

#include "fit/points/settings.h"
#include "fit/valley/isoflop_fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

std::vector<HoldoutScore> scores_of(const test::SweepOracle& oracle, std::int64_t n_max) {
  const auto groups = group_by_budget(oracle.points(), oracle.surface.scale);
  const IsoFlopFit fit = fit_isoflop(groups);
  return score_holdouts(groups, fit.valleys, surface_samples(groups),
                        {.n_max = n_max, .surface = {.scale = oracle.surface.scale}});
}

}  // namespace

TEST_CASE("on noise-free points the held-out budget is predicted by every method") {
  const test::SweepOracle oracle{.surface = test::epoch_surface(),
                                 .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 6)};
  const auto scores = scores_of(oracle, 2);
  // One budget left out, then two of them; each by three methods.
  REQUIRE(scores.size() == 3 + 6);
  CHECK(scores[3].ratio == Approx(10));
  CHECK(scores[6].ratio == Approx(std::sqrt(10.0)));
  for (const HoldoutScore& score : scores) {
    INFO(score.method << " " << score.dropped);
    CHECK(score.ratio ==
          Approx(score.compute /
                 (1e18 * std::pow(10, 2.5 - 0.5 * static_cast<double>(score.dropped)))));
    CHECK((1 + score.scale_error) * (1 + score.tokens_error) == Approx(1).epsilon(1e-4));
    if (score.method == "isoflop") {
      // The parabola's bias is the same at every budget and cancels.
      CHECK(std::abs(score.scale_error) < 1e-6);
      CHECK(std::abs(score.loss_error) < 1e-4);
    } else if (score.method == "posterior") {
      // Drawn towards the prior's exponent and floor as far as the scatter that it allows.
      CHECK(std::abs(score.scale_error) < 0.02);
      CHECK(std::abs(score.loss_error) < 0.005);
      CHECK(score.scale_density);
    } else {
      // The surface is exact; what remains is the bias of the parabola it is scored by.
      CHECK(score.method == "parametric");
      CHECK(std::abs(score.scale_error) < 0.01);
      CHECK(std::abs(score.loss_error) < 1e-3);
    }
  }
}

TEST_CASE("a law that bends at the held-out budget is found out") {
  test::SweepOracle oracle{.surface = test::epoch_surface(),
                           .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 5)};
  auto groups = group_by_budget(oracle.points(), oracle.surface.scale);
  for (Sample& sample : groups.back().samples) sample.scale *= 1.5;
  const IsoFlopFit fit = fit_isoflop(groups);
  const auto scores = score_holdouts(groups, fit.valleys, {},
                                     {.n_max = 1, .surface = {.scale = oracle.surface.scale}});
  REQUIRE(scores.size() == 2);
  CHECK(scores[0].method == "isoflop");
  CHECK(scores[0].scale_error == Approx(1 / 1.5 - 1).epsilon(1e-3));
}

TEST_CASE("nothing is held out where fewer than three minima would remain") {
  test::SweepOracle oracle{.surface = test::epoch_surface(),
                           .budgets = test::geometric_budgets(1e18, 3, 4)};
  CHECK(scores_of(oracle, 5).size() == 3);  // one budget, three methods
  oracle.budgets.pop_back();
  CHECK(scores_of(oracle, 1).empty());
}

TEST_CASE("a summary holds the worst error, signed, and the median per decade") {
  const auto score = [](const char* method, double ratio, double scale, double loss) {
    return HoldoutScore{.ratio = ratio,
                        .method = method,
                        .scale_error = scale,
                        .tokens_error = 1 / (1 + scale) - 1,
                        .loss_error = loss};
  };
  const std::vector<HoldoutScore> scores = {
      score("isoflop", 10, 0.1, 0.01), score("parametric", 10, 0.9, 0.01),
      score("isoflop", 100, -0.2, 0.0), score("isoflop", 10, 0.05, -0.03)};
  const std::vector<HoldoutSummary> summaries = summarize(scores);
  REQUIRE(summaries.size() == 2);
  CHECK(summaries[0].method == "isoflop");
  CHECK(summaries[0].n_scores == 3);
  CHECK(summaries[0].largest_ratio == 100);
  CHECK(summaries[0].worst.scale == -0.2);
  CHECK(summaries[0].worst.tokens == Approx(0.25));
  CHECK(summaries[0].worst.loss == -0.03);
  // ln 1.1, -ln 0.8 / 2 and ln 1.05 per decade.
  CHECK(summaries[0].median_per_decade.scale == Approx(std::log(1.1)));
  CHECK(summaries[0].median_per_decade.loss == Approx(std::log(1.01)));
  CHECK_FALSE(summaries[0].is_poor());
  CHECK(summaries[1].is_poor());
  CHECK(summarize({}).empty());
}

TEST_CASE("a ratio of less than two counts as two") {
  CHECK(decades_of({.ratio = 1.2, .method = "isoflop"}) == Approx(std::log10(2.0)));
  CHECK(decades_of({.ratio = 1000, .method = "isoflop"}) == Approx(3));
}
