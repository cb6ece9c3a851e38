// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "isoflop/fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"
#include "support/temp_dir.h"

using namespace isoflop;

namespace {

test::SweepOracle sweep(LossLaw::Scale scale) {
  LossLaw surface = test::epoch_surface();
  if (scale == LossLaw::Scale::flops_per_token) surface.a *= std::pow(6, surface.alpha);
  surface.scale = scale;
  return {.surface = surface, .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 5)};
}

}  // namespace

TEST_CASE("a fit's law splits a budget as the fit does, in N or in M") {
  for (const LossLaw::Scale scale : {LossLaw::Scale::params, LossLaw::Scale::flops_per_token}) {
    const test::SweepOracle oracle = sweep(scale);
    const Fit result = fit(oracle.points(), {.scale = scale, .n_bootstrap = 0});
    const Law law = to_law(result, "oracle", "a test");
    REQUIRE(law.allocation);
    const double c = 1e21;
    // Parabola bias on this surface: below 1 %.
    CHECK(law.allocation->flops_per_token(c) ==
          Approx(oracle.surface.flops_factor() * oracle.optimum(c)).epsilon(0.01));
    CHECK(law.allocation->flops_per_token(c) * law.allocation->tokens(c) ==
          Approx(c).epsilon(1e-6));
    CHECK(law.loss->alpha == Approx(0.3478).epsilon(1e-5));
    CHECK(law.loss->scale == scale);
    CHECK(optimal_allocation(*law.loss).flops_per_token(c) ==
          Approx(law.allocation->flops_per_token(c)).epsilon(0.01));
    CHECK(law.frontier->relative_error);
    CHECK(law.fitted_to->value() == Approx(1e20));
    CHECK_FALSE(law.hyper);
  }
}

TEST_CASE("points that state parameters alone are counted by 6 N D, and their law says so") {
  const PointSet points = sweep(LossLaw::Scale::params).points();
  const Fit assumed = fit(points, {.scale = LossLaw::Scale::params, .n_bootstrap = 0});
  CHECK(assumed.convention_assumed);
  CHECK(to_law(assumed, "x", "s").frame.convention == FlopsConvention::six_n_total);
  CHECK_THAT(to_law(assumed, "x", "s").note, contains("fit --convention"));
  const Fit asked = fit(points, {.scale = LossLaw::Scale::params,
                                 .convention = FlopsConvention::six_n1_actual,
                                 .n_bootstrap = 0});
  CHECK(to_law(asked, "x", "s").frame.convention == FlopsConvention::six_n1_actual);
  CHECK(to_law(asked, "x", "s").note.empty());
}

TEST_CASE("points that state M keep their convention, whatever the sizes are fitted in") {
  PointSet points = sweep(LossLaw::Scale::params).points();
  // M is a third more than 6 N, and D the fewer.
  for (Point& point : points.points) {
    point.flops_per_token = 8 * *point.params;
    point.compute = point.flops_per_token.value() * point.tokens;
    if (point.budget) point.budget = *point.budget * 8 / 6;
  }
  const Fit result = fit(points, {.scale = LossLaw::Scale::params, .n_bootstrap = 0});
  CHECK_FALSE(result.convention_assumed);
  const Law law = to_law(result, "x", "s");
  CHECK(law.frame.convention == FlopsConvention::deepseek_m_actual);
  const double c = 1e21;
  CHECK(law.allocation->flops_per_token(c) == Approx(8 * result.scale_opt.law(c)).epsilon(0.01));
  CHECK(law.allocation->flops_per_token(c) * law.allocation->tokens(c) == Approx(c).epsilon(1e-9));
}

TEST_CASE("a law keeps what its fit says of the budgets beyond, also of those asked for") {
  const double asked = 7.3e21;
  const Fit result =
      fit(sweep(LossLaw::Scale::params).points(),
          {.scale = LossLaw::Scale::params, .n_bootstrap = 0, .targets = {asked, 3e19}});
  const Law law = to_law(result, "x", "s");
  REQUIRE(law.evidence);
  const HoldoutSummary& summary = result.holdout_summary[2];
  REQUIRE(summary.method == "posterior");
  CHECK(law.evidence->holdout->n_scores == summary.n_scores);
  CHECK(law.evidence->holdout->size_per_decade == summary.median_per_decade.scale);
  CHECK(law.evidence->holdout->is_poor == summary.is_poor());
  const Target& target = result.targets.front();
  const LawIntervals interval = intervals_at(*law.evidence, target.ratio);
  const double own = result.scale_opt.law(target.compute);
  CHECK(interval.size->low == Approx(target.scale.interval->low / own));
  CHECK(interval.size->high == Approx(target.scale.interval->high / own));
  CHECK(interval.size_median == Approx(target.scale.value / own));
  const double frontier = (*result.frontier)(target.compute);
  CHECK(interval.loss_median == Approx(target.loss.value / frontier));
  CHECK(interval.loss->low <= target.loss.interval->low / frontier);  // a run has its luck
  CHECK(law.evidence->intervals.size() == std::size(kEvidenceRatios) + 1);
}

TEST_CASE("a fit's law survives the file") {
  const test::TempDir folder;
  const Fit result = fit(sweep(LossLaw::Scale::params).points(),
                         {.scale = LossLaw::Scale::params, .n_bootstrap = 0});
  const Law law = to_law(result, "oracle", "a test");
  save_law(law, folder.path() / "oracle.json");
  const Law back = load_law(folder.path() / "oracle.json");
  CHECK(back.allocation->flops_per_token.coefficient ==
        law.allocation->flops_per_token.coefficient);
  CHECK(back.loss->b == law.loss->b);
  CHECK(back.frontier->exponent == law.frontier->exponent);
}

TEST_CASE("what is not usable does not enter the law") {
  Fit result;
  result.compute_from = result.compute_to = 1e12;
  result.parametric = ParametricFit{};  // too_few_points
  const Law law = to_law(result, "x", "s");
  CHECK_FALSE(law.evidence);
  CHECK_FALSE(law.allocation);
  CHECK_FALSE(law.loss);
  CHECK_FALSE(law.frontier);
}

TEST_CASE("assumed exponents enter the law and its source says so") {
  Fit result;
  result.compute_from = 1e11;
  result.compute_to = 1e12;
  result.hyper = HyperFit{};
  for (PowerLawFit* part : {&result.hyper->batch_tokens, &result.hyper->peak_lr}) {
    part->law = {0.3, 0.3};
    part->exponent_assumed = true;
  }
  HyperCell& cell = result.hyper->cells.emplace_back();
  cell.budget = cell.compute = 1e11;
  const Law law = to_law(result, "x", "sweep x");
  REQUIRE(law.hyper);
  CHECK(law.hyper->fitted_to == Flops(1e11));
  CHECK(law.source.find("sweep x; exponents of batch size") == 0);
}

TEST_CASE("a fit's law has its rate at a batch, its weight decay and what they were tuned on") {
  Fit result;
  result.compute_from = 1e11;
  result.compute_to = 1e12;
  WeightDecayFit& decay = result.weight_decay.emplace();
  decay.timescale.law = {1.1, -0.5};
  decay.timescale.status = FitStatus::ok;
  DecaySlice& slice = decay.slices.emplace_back();
  slice.params = 1e6;
  slice.tokens = 3e7;
  slice.tried = {0.01, 0.3};
  slice.status = FitStatus::ok;
  CHECK_FALSE(to_law(result, "x", "s").peak_lr_at_batch);
  HyperFit& hyper = result.hyper.emplace();
  hyper.peak_lr_at_batch.emplace().law = {1.5, -0.6, -0.3, 0.8};
  HyperCell& cell = hyper.cells.emplace_back();
  cell.params = 2e6;
  cell.tokens = 2e7;
  const Law law = to_law(result, "x", "s");
  CHECK(law.weight_decay->timescale.exponent == -0.5);
  CHECK(law.peak_lr_at_batch->exponent_batch == 0.8);
  CHECK(law.tuned_on.params->low == 1e6);
  CHECK(law.tuned_on.params->high == 2e6);
  CHECK(law.tuned_on.tokens_per_param->low == 10);
  CHECK(law.tuned_on.tokens_per_param->high == 30);
  CHECK(law.tuned_on.weight_decay->high == 0.3);
}

TEST_CASE("a law's batch is of N where N matters and a cell left out agrees") {
  Fit result;
  result.compute_from = 1e11;
  result.compute_to = 1e12;
  HyperFit& hyper = result.hyper.emplace();
  hyper.peak_lr_nd = HyperLawNd::Form{1.79, -0.713, 0.307};
  hyper.batch_tokens_d = HyperLawNd::Form{0.58, 0, 0.571};
  HyperFormFit& with_params = hyper.batch_tokens_nd.emplace();
  with_params.form = {30, -0.3, 0.6};
  with_params.exponent_params = {-0.4, -0.2};
  with_params.holdout = CellHoldout{.ln_error = -0.05};
  HyperEstimate& own = hyper.estimates.emplace_back();
  own.batch_tokens_d.emplace().form = *hyper.batch_tokens_d;
  own.batch_tokens_d->holdout = CellHoldout{.ln_error = 0.3};
  const auto exponent = [&] {
    return to_law(result, "x", "s").hyper_nd->batch_tokens.exponent_params;
  };
  CHECK(exponent() == -0.3);
  with_params.exponent_params = {-0.4, 0.1};
  CHECK(exponent() == 0);
  with_params.exponent_params = {-0.4, -0.2};
  with_params.holdout->ln_error = -0.4;
  CHECK(exponent() == 0);
}
