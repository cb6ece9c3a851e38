// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <string>

#include "fit/anneal/annealing_area.h"
#include "fit/anneal/annealing_bins.h"
#include "isoflop/error.h"
#include "isoflop/forms.h"
#include "support/annealing_oracle.h"
#include "support/catch.h"

namespace isoflop::test {
namespace {

bool in(const Interval& interval, double x) { return interval.low <= x && x <= interval.high; }

AnnealingFit fit_of(const AnnealingDraw& draw, std::optional<double> lambda = {}) {
  AnnealingOptions options;
  options.lambda = lambda;
  options.targets = {{.name = "longer", .lr = draw.target_lr}};
  return fit_annealing(draw.curves, options);
}

std::string refusal(const std::vector<RateCurve>& curves, const AnnealingOptions& options = {}) {
  try {
    (void)fit_annealing(curves, options);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
    return error.what();
  }
  return "";
}

RateCurve constant_run(std::int64_t n_steps) {
  RateCurve curve;
  curve.run = "trunk";
  curve.lr.assign(static_cast<std::size_t>(n_steps), 1e-3);
  for (std::int64_t step = 1; step <= n_steps; ++step) {
    curve.steps.push_back(step);
    curve.loss.push_back(2 + 0.1 * std::pow(1e-3 * static_cast<double>(step), -0.5));
  }
  return curve;
}

}  // namespace

TEST_CASE("the areas of a schedule are the double sums that define them") {
  for (const LrSchedule& schedule :
       {LrSchedule{}, wsd_schedule(), LrSchedule{.kind = ScheduleKind::cosine, .milestones = {}}}) {
    const std::vector<double> lr = rates_of(schedule, 120, 10, 0.004);
    const AnnealingAreas areas = annealing_areas(lr, 0.97);
    const AreasByDefinition expected = areas_by_definition(lr, 0.97, 10);
    for (std::size_t i = 0; i < lr.size(); ++i) {
      CHECK(std::abs(areas.s1[i] - expected.s1[i]) <= 1e-12 * expected.s1[i]);
      CHECK(std::abs(areas.s2[i] - expected.s2[i]) <= 1e-12 * expected.s2.back());
    }
  }
}

TEST_CASE(
    "what follows the annealing law exactly is found exactly, and so is a longer run's loss") {
  for (const std::uint64_t seed : {0, 1, 2, 3, 4, 5}) {
    const AnnealingDraw draw = draw_annealing(seed, true, 0);
    const AnnealingFit fit = fit_of(draw);
    INFO("seed " << seed);
    REQUIRE(fit.usable());
    CHECK(fit.lambda == draw.truth.lambda);
    const double truth[] = {draw.truth.l0, draw.truth.a, draw.truth.alpha, draw.truth.c};
    for (std::size_t i = 0; i < 4; ++i) CHECK(std::abs(fit.values[i] / truth[i] - 1) < 1e-6);
    CHECK(std::abs(fit.predictions[0].loss / draw.target_loss - 1) < 1e-6);
    CHECK(std::abs(fit.predictions[0].late_loss / draw.target_late_loss - 1) < 1e-6);
  }
}

TEST_CASE("intervals of noisy curves hold what was planted, as often as they say") {
  int n_c = 0;
  int n_null = 0;
  int n_loss = 0;
  constexpr int kSets = 24;
  for (std::uint64_t seed = 0; seed < kSets; ++seed) {
    const AnnealingDraw draw = draw_annealing(seed, true, 0.02);
    const AnnealingFit fit = fit_of(draw, draw.truth.lambda);
    n_c += in(fit.intervals[3], draw.truth.c);
    n_loss += in(fit.predictions[0].interval, draw.target_loss);
    const AnnealingDraw without = draw_annealing(seed, false, 0.02);
    n_null += in(fit_of(without, without.truth.lambda).intervals[3], 0);
  }
  // 21.6 are expected; 17 or fewer have a probability of 0.8 %.
  for (const int n : {n_c, n_null, n_loss}) CHECK(n >= 18);
}

TEST_CASE("a branch adds what its trunk does not have, and nothing twice") {
  const AnnealingDraw draw = draw_annealing(0, true, 0.01);
  const AnnealingBins all = annealing_bins(draw.curves, 101);
  const AnnealingBins trunk = annealing_bins({draw.curves[0]}, 101);
  CHECK(trunk.n_losses == 900);
  // Decays are the last fifth of 300, 600 and 1000 steps; the first of their rates is the peak yet.
  CHECK(all.n_losses == 900 + 59 + 119 + 199);
  CHECK(annealing_bins({draw.curves[0], draw.curves[0]}, 101).n_losses == trunk.n_losses);
}

TEST_CASE("what a batch does to a branch and to its trunk is no noise of the decay") {
  const AnnealingDraw alone = draw_annealing(0, true, 0.03);
  const AnnealingDraw paired = draw_annealing(0, true, 0.03, true);
  const AnnealingFit of_alone = fit_of(alone, alone.truth.lambda);
  const AnnealingFit of_paired = fit_of(paired, paired.truth.lambda);
  CHECK(of_alone.batch_share == 0);
  CHECK(std::abs(of_paired.batch_share - 0.9025 * 0.9025 / (0.9025 + 0.0975)) < 0.1);
  CHECK(of_paired.standard_errors[3] < 0.7 * of_alone.standard_errors[3]);
  CHECK(in(of_paired.intervals[3], paired.truth.c));
  const AnnealingBins bins = annealing_bins(paired.curves, 101);
  for (const AnnealingBin& bin : bins.bins) CHECK(bin.reference.has_value() == (bin.curve != 0));
}

TEST_CASE("a decay much longer than those of the curves is warned of") {
  const AnnealingDraw draw = draw_annealing(1, true, 0.01);
  AnnealingOptions options;
  options.lambda = draw.truth.lambda;
  options.targets = {{.name = "longer", .lr = rates_of(wsd_schedule(), 6000, 40, 1e-3)}};
  const std::vector<std::string> warnings = fit_annealing(draw.curves, options).warnings;
  REQUIRE(!warnings.empty());
  CHECK_THAT(warnings.back(), contains("a decay over 1198 steps is forecast from decays of 199"));
}

TEST_CASE("a law of the wrong lambda is rejected, the right one is not") {
  const AnnealingDraw draw = draw_annealing(0, true, 0.01, true);
  REQUIRE(draw.truth.lambda == 0.95);
  CHECK(fit_of(draw, 0.95).misfit_p > 0.01);
  const AnnealingFit wrong = fit_of(draw, 0.999);
  CHECK(wrong.misfit_p < 1e-6);
  std::string warnings;
  for (const std::string& warning : wrong.warnings) warnings += warning + "\n";
  CHECK_THAT(warnings, contains("the law misses the curves by more than their noise"));
}

TEST_CASE("a cosine run is not forecast from decays at the end without a word") {
  const AnnealingDraw draw = draw_annealing(1, true, 0.01);
  AnnealingOptions options;
  options.lambda = draw.truth.lambda;
  const LrSchedule cosine{.kind = ScheduleKind::cosine, .milestones = {}};
  options.targets = {{.name = "cosine", .lr = rates_of(cosine, 1000, 40, draw.curves[0].lr[500])}};
  const std::vector<std::string> warnings = fit_annealing(draw.curves, options).warnings;
  REQUIRE(!warnings.empty());
  CHECK_THAT(warnings.front(), contains("cosine decays for most of its steps, run 0 does not"));
}

TEST_CASE("a constant rate tells all but C, and what a decay would need is said") {
  AnnealingOptions options;
  options.targets = {{.name = "constant", .lr = std::vector<double>(2000, 1e-3)},
                     {.name = "decayed", .lr = rates_of(wsd_schedule(), 2000, 0, 1e-3)}};
  const AnnealingFit fit = fit_annealing({constant_run(1000)}, options);
  REQUIRE(fit.usable());
  CHECK(fit.parameters == std::vector<std::string>{"L0", "A", "alpha"});
  CHECK(std::abs(fit.values[0] / 2 - 1) < 1e-6);
  CHECK_THAT(fit.no_decay, contains("branch of the run with a decay"));
  CHECK(fit.predictions[0].not_predicted.empty());
  CHECK(std::abs(fit.predictions[0].loss - (2 + 0.1 / std::sqrt(2.0))) < 1e-6);
  CHECK(fit.predictions[1].not_predicted == fit.no_decay);
}

TEST_CASE("smoothed curves, whose neighbours agree, get wider intervals and a warning") {
  AnnealingDraw draw = draw_annealing(1, true, 0.02);
  const AnnealingFit plain = fit_of(draw, draw.truth.lambda);
  for (RateCurve& curve : draw.curves) {
    double mean = curve.loss[100];
    for (std::size_t i = 100; i < curve.loss.size(); ++i) {
      mean = 0.98 * mean + 0.02 * curve.loss[i];
      curve.loss[i] = mean;
    }
  }
  const AnnealingFit smoothed = fit_of(draw, draw.truth.lambda);
  CHECK(plain.inflation == 1);
  CHECK(smoothed.inflation > 2);
  REQUIRE(!smoothed.warnings.empty());
  CHECK_THAT(smoothed.warnings.front(), contains("residuals of neighbouring steps agree"));
}

TEST_CASE("Huber's function leaves a burst of losses alone that squares follow") {
  AnnealingDraw draw = draw_annealing(1, true, 0);
  const AnnealingTruth truth = draw.truth;
  for (std::size_t i = 500; i < 520; ++i) draw.curves[0].loss[i] *= 1.3;
  AnnealingOptions options;
  options.lambda = truth.lambda;
  const double squares = fit_annealing(draw.curves, options).values[0];
  options.delta = 1e-3;
  const double robust = fit_annealing(draw.curves, options).values[0];
  CHECK(std::abs(robust - truth.l0) < 0.1 * std::abs(squares - truth.l0));
}

TEST_CASE("curves that cannot be fitted are refused by name, step and value") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto changed = [](auto change) {
    RateCurve curve = constant_run(1000);
    change(curve);
    return std::vector<RateCurve>{curve};
  };
  CHECK_THAT(refusal({}), contains("needs a training curve"));
  CHECK_THAT(refusal(changed([&](RateCurve& c) { c.lr[6] = nan; })),
             contains("trunk: step 7: the learning rate must be a number >= 0"));
  CHECK_THAT(refusal(changed([&](RateCurve& c) { c.lr[6] = -1; })), contains("got -1"));
  CHECK_THAT(refusal(changed([](RateCurve& c) { c.lr.clear(); })),
             contains("has no learning rates"));
  CHECK_THAT(refusal(changed([&](RateCurve& c) { c.loss[6] = nan; })),
             contains("trunk: step 7: the loss must be a number > 0"));
  CHECK_THAT(refusal(changed([](RateCurve& c) { c.steps[6] = 6; })),
             contains("its step must be above 6"));
  CHECK_THAT(refusal(changed([](RateCurve& c) { c.steps.back() = 1001; })),
             contains("at most 1000, the number of rates, got 1001"));
  CHECK_THAT(refusal({constant_run(10)}), contains("the annealing law needs at least 12"));
  CHECK_THAT(refusal(changed([](RateCurve& c) {
               for (std::size_t i = 0; i < c.lr.size(); ++i) {
                 c.lr[i] = 1e-6 * static_cast<double>(i + 1);
               }
             })),
             contains("0 losses behind the warm-up"));
  CHECK_THAT(refusal({constant_run(1000)}, {.lambda = 1}), contains("below 1, got 1"));
  CHECK_THAT(refusal({constant_run(1000)}, {.from_step = 0}), contains("at least 1, got 0"));
}

}  // namespace isoflop::test
