// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/rate_at_batch.h"

#include <cmath>

#include "fit/hyper/hyper_fit.h"
#include "fit/hyper/hyper_warnings.h"
#include "fit/hyper/recipe_sweep.h"
#include "support/catch.h"

using namespace isoflop;
using test::RecipeSweep;

namespace {

constexpr double kWindow = 0.02;

bool holds(const Interval& interval, double value) {
  return interval.low <= value && value <= interval.high;
}

}  // namespace

TEST_CASE("lr(N, D, B) is recovered from the grids without noise") {
  const RecipeSweep sweep;
  const auto fit = fit_rate_at_batch(sweep.cells(), kWindow);
  REQUIRE(fit);
  CHECK(fit->has_params);
  CHECK(fit->has_tokens);
  CHECK(fit->law.coefficient == Approx(1.5).epsilon(1e-6));
  CHECK(fit->law.exponent_params == Approx(-0.6).epsilon(1e-8));
  CHECK(fit->law.exponent_tokens == Approx(-0.3).epsilon(1e-8));
  CHECK(fit->law.exponent_batch == Approx(0.8).epsilon(1e-8));
  CHECK(fit->n_cells == 9);
  CHECK(fit->n_values > 18);
  REQUIRE(fit->holdout);
  CHECK(fit->holdout->compute == 6e20);
  CHECK(std::abs(fit->holdout->ln_error) < 1e-8);
}

TEST_CASE("grids along one line give the law in D and B, and say so") {
  RecipeSweep sweep;
  std::vector<GridCell> cells;
  for (const double n : {1e8, 2e8, 4e8, 8e8, 1.6e9}) {
    sweep.params = {n};
    sweep.tokens = {20 * n};
    cells.push_back(sweep.cells().front());
  }
  const auto fit = fit_rate_at_batch(cells, kWindow);
  REQUIRE(fit);
  CHECK_FALSE(fit->has_params);
  CHECK(fit->law.exponent_params == 0);
  CHECK(fit->law.exponent_batch == Approx(0.8).epsilon(1e-6));
  // N = D / 20 along the line.
  CHECK(fit->law.exponent_tokens == Approx(-0.9).epsilon(1e-6));
  Words words;
  warn_of_rate_at_batch(*fit, words);
  REQUIRE(words.size() == 1);
  CHECK_THAT(words.front(), contains("do not tell N from D") && contains("in D and B"));
}

TEST_CASE("grids of one length give the law in N and B") {
  RecipeSweep sweep;
  sweep.params = {1e8, 2e8, 4e8, 8e8};
  sweep.tokens = {2e10};
  const auto fit = fit_rate_at_batch(sweep.cells(), kWindow);
  REQUIRE(fit);
  CHECK(fit->has_params);
  CHECK_FALSE(fit->has_tokens);
  CHECK(fit->law.exponent_params == Approx(-0.6).epsilon(1e-6));
}

TEST_CASE("too few grids, or rates all on one side of the best, give no law of the rate") {
  RecipeSweep sweep;
  sweep.params = {1e8, 1e9};
  sweep.tokens = {4e9, 1e11};
  CHECK_FALSE(fit_rate_at_batch(sweep.cells(), kWindow));
  std::vector<GridCell> cells = RecipeSweep().cells();
  for (GridCell& cell : cells) {
    std::erase_if(cell.samples, [&](const Sample& sample) {
      return *sample.peak_lr >
             0.9 * RecipeSweep().rate(sample.params, sample.tokens, *sample.batch_tokens);
    });
  }
  CHECK_FALSE(fit_rate_at_batch(cells, kWindow));
}

TEST_CASE("90 % intervals of the rate's exponents hold the truth in 85 to 97 %") {
  constexpr int kSweeps = 400;
  int params = 0, tokens = 0, batch = 0;
  double width = 0;
  for (int seed = 1; seed <= kSweeps; ++seed) {
    RecipeSweep sweep;
    sweep.seed = static_cast<std::uint64_t>(seed);
    sweep.noise = 0.0005 * (1 + seed % 4);
    sweep.cell_scatter = 0.1;
    const auto fit = fit_rate_at_batch(sweep.cells(), kWindow);
    REQUIRE(fit);
    params += holds(fit->exponent_params, -0.6);
    tokens += holds(fit->exponent_tokens, -0.3);
    batch += holds(fit->exponent_batch, 0.8);
    width += (fit->exponent_params.high - fit->exponent_params.low) / kSweeps;
  }
  INFO("N " << params << ", D " << tokens << ", B " << batch << " of " << kSweeps << ", width of N "
            << width);
  for (const int n : {params, tokens, batch}) {
    CHECK(n >= 0.85 * kSweeps);
    CHECK(n <= 0.97 * kSweeps);
  }
}

TEST_CASE("a grid's fit has the law of the rate at a batch and of the batch in N and D") {
  const auto fit = fit_hyper(RecipeSweep().cells(), std::nullopt, HyperLaw{{1, 0.3}, {1, -0.1}});
  REQUIRE(fit);
  REQUIRE(fit->peak_lr_at_batch);
  CHECK(fit->peak_lr_at_batch->law.exponent_batch == Approx(0.8).epsilon(1e-6));
  REQUIRE(fit->batch_tokens_nd);
  // Batches are whole powers of 2, up to half a step from the best.
  CHECK(fit->batch_tokens_nd->form.exponent_tokens == Approx(0.52).margin(0.1));
}
