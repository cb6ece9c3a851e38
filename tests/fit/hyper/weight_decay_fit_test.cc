// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/weight_decay_fit.h"

#include <cmath>

#include "fit/hyper/hyper_warnings.h"
#include "fit/hyper/recipe_sweep.h"
#include "isoflop/weight_decay.h"
#include "support/catch.h"

using namespace isoflop;
using test::RecipeSweep;

namespace {

RecipeSweep decays() {
  RecipeSweep sweep;
  sweep.n_decays = 9;
  return sweep;
}

bool covers(const Interval& interval, double value) {
  return interval.low <= value && value <= interval.high;
}

}  // namespace

TEST_CASE("tau(D/N) is recovered from grids of weight decay without noise") {
  const auto fit = fit_weight_decay(decays().cells());
  REQUIRE(fit);
  REQUIRE(fit->timescale.usable());
  CHECK(fit->timescale.law.coefficient == Approx(1.084).epsilon(1e-6));
  CHECK(fit->timescale.law.exponent == Approx(-0.527).epsilon(1e-6));
  REQUIRE(fit->holdout);
  CHECK(std::abs(fit->holdout->ln_error) < 1e-6);
  for (const DecaySlice& slice : fit->slices) {
    if (!slice.usable()) continue;
    // The weight decay at the minimum gives the run that timescale.
    CHECK(adamw_timescale({.params = slice.params,
                           .tokens = slice.tokens,
                           .batch_tokens = slice.batch_tokens,
                           .peak_lr = slice.peak_lr},
                          slice.weight_decay) == Approx(slice.timescale).epsilon(1e-9));
  }
}

TEST_CASE("a best weight decay at the edge of its grid is in no law and warned of") {
  RecipeSweep sweep = decays();
  sweep.n_decays = 3;  // up to 0.05
  const auto fit = fit_weight_decay(sweep.cells());
  REQUIRE(fit);
  Words words;
  warn_of_weight_decay(*fit, words);
  REQUIRE_FALSE(words.empty());
  CHECK_THAT(words.front(), contains("the weight decays from 0.0125 to 0.05 do not bracket"));
}

TEST_CASE("grids of one D/N leave the exponent open: one timescale, and a warning") {
  RecipeSweep sweep = decays();
  std::vector<GridCell> cells;
  for (const double n : {1e8, 2e8, 4e8, 8e8}) {
    sweep.params = {n};
    sweep.tokens = {20 * n};
    cells.push_back(sweep.cells().front());
  }
  const auto fit = fit_weight_decay(cells);
  REQUIRE(fit);
  CHECK(fit->timescale.exponent_assumed);
  CHECK(fit->timescale.law.exponent == 0);
  CHECK(fit->timescale.law.coefficient == Approx(1.084 * std::pow(20, -0.527)).epsilon(1e-6));
  CHECK_FALSE(fit->holdout);
  Words words;
  warn_of_weight_decay(*fit, words);
  REQUIRE(words.size() == 1);
  CHECK_THAT(words.front(), contains("4 grids do not tell how its timescale goes with D/N"));
}

TEST_CASE("90 % intervals of the timescale's exponent hold the truth in 85 to 95 %") {
  constexpr int kSweeps = 400;
  int n_covered = 0, n_usable = 0;
  for (int seed = 1; seed <= kSweeps; ++seed) {
    RecipeSweep sweep = decays();
    sweep.seed = static_cast<std::uint64_t>(seed);
    sweep.noise = 0.0005 * (1 + seed % 4);
    sweep.cell_scatter = 0.1;
    const auto fit = fit_weight_decay(sweep.cells());
    if (!fit || !fit->timescale.usable()) continue;
    ++n_usable;
    n_covered += covers(fit->timescale.exponent, -0.527);
  }
  INFO(n_covered << " of " << n_usable);
  CHECK(n_usable > 0.9 * kSweeps);
  CHECK(n_covered >= 0.85 * n_usable);
  CHECK(n_covered <= 0.95 * n_usable);
}

TEST_CASE("runs that differ in weight decay alone are no seeds of one another") {
  PointSet set;
  set.frame.dataset = "d";
  for (int k = 0; k < 5; ++k) {
    Point point;
    point.params = 1e8;
    point.tokens = 2e9;
    point.batch_tokens = 1e5;
    point.peak_lr = 1e-3;
    point.seed = k;
    point.loss = 3 + 0.001 * (k - 2) * (k - 2);
    point.other["weight_decay"] = std::to_string(0.025 * std::exp2(k));
    set.points.push_back(point);
  }
  const std::vector<BudgetGroup> groups = group_by_budget(set, LossLaw::Scale::params);
  REQUIRE(groups.size() == 1);
  CHECK(groups.front().samples.size() == 5);
  CHECK(decay_cells(groups).size() == 1);
  CHECK(grid_cells(groups).empty());
}
