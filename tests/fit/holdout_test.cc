// SPDX-License-Identifier: Apache-2.0
#include "fit/holdout.h"

#include <cmath>

#include "fit/isoflop_fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

std::vector<HoldoutScore> scores_of(const test::SweepOracle& oracle, std::int64_t n_max) {
  const auto groups = group_by_budget(oracle.points(), oracle.surface.scale);
  const IsoFlopFit fit = fit_isoflop(groups);
  return score_holdouts(groups, fit.valleys, surface_samples(groups), n_max,
                        {.scale = oracle.surface.scale});
}

}  // namespace

TEST_CASE("on noise-free points the held-out budget is predicted by both methods") {
  const test::SweepOracle oracle{.surface = test::epoch_surface(),
                                 .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 6)};
  const auto scores = scores_of(oracle, 2);
  REQUIRE(scores.size() == 4);
  for (const HoldoutScore& score : scores) {
    INFO(score.method << " " << score.dropped);
    CHECK(score.ratio == Approx(std::pow(10, 0.5 * static_cast<double>(score.dropped))));
    if (score.method == "isoflop") {
      // The parabola's bias is the same at every budget and cancels.
      CHECK(std::abs(score.scale_error) < 1e-6);
      CHECK(std::abs(score.loss_error) < 1e-4);
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
  const auto scores = score_holdouts(groups, fit.valleys, {}, 1, {.scale = oracle.surface.scale});
  REQUIRE(scores.size() == 1);
  CHECK(scores[0].scale_error == Approx(1 / 1.5 - 1).epsilon(1e-3));
}

TEST_CASE("nothing is held out where fewer than three minima would remain") {
  test::SweepOracle oracle{.surface = test::epoch_surface(),
                           .budgets = test::geometric_budgets(1e18, 3, 4)};
  CHECK(scores_of(oracle, 5).size() == 2);
  oracle.budgets.pop_back();
  CHECK(scores_of(oracle, 1).empty());
}
