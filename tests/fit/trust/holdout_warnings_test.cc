// SPDX-License-Identifier: Apache-2.0
#include <type_traits>

#include "fit/trust/trust_warnings.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

template <class Part>
std::string warned(void (*warn)(Part, Words&), const std::type_identity_t<Part>& part) {
  Words warnings;
  warn(part, warnings);
  std::string text;
  for (const std::string& warning : warnings) text += warning + "\n";
  return text;
}

Fit usable_fit() {
  Fit fit;
  fit.scale_opt.status = FitStatus::ok;
  return fit;
}

HoldoutScore score(double scale_error, double loss_error) {
  return {.ratio = 10,
          .method = "isoflop",
          .scale_error = scale_error,
          .tokens_error = -0.2,
          .loss_error = loss_error};
}

Fit fit_with(std::vector<HoldoutScore> scores) {
  Fit fit = usable_fit();
  fit.holdout = std::move(scores);
  fit.holdout_summary = summarize(fit.holdout);
  return fit;
}

Target target(double ratio, ExtrapolationLight light) {
  return {.compute = 1e21, .ratio = ratio, .light = light};
}

}  // namespace

TEST_CASE("a poor hold-out is warned of once per method, by its worst; a good one is not") {
  CHECK(warned(warn_of_holdout, fit_with({score(0.29, 0.029), score(-0.2, -0.01)})).empty());
  CHECK(warned(warn_of_holdout, fit_with({score(0.31, 0), score(0.1, 0.12), score(0.5, 0)})) ==
        "Hold-out, laws through minima, 10 times the compute: optimal size off by 10 %, tokens by "
        "-20 %, loss by 12 %; the forecast weighs it by that.\n");
}

TEST_CASE("no hold-out is warned of where there is a law") {
  CHECK(warned(warn_of_holdout, usable_fit()).find("No hold-out: 4 budgets") == 0);
  CHECK(warned(warn_of_holdout, Fit{}).empty());
}

TEST_CASE("a red light is said") {
  Fit fit = usable_fit();
  fit.targets = {target(99, ExtrapolationLight::caution)};
  CHECK(warned(warn_of_targets, fit).empty());
  fit.targets = {target(300, ExtrapolationLight::only_with_holdout_evidence)};
  fit.targets[0].light_reasons = {"no budget to hold out"};
  CHECK(warned(warn_of_targets, fit) ==
        "At 1e+21 FLOPs, 300 times the largest budget, a prediction is worth something only with "
        "hold-out evidence (no budget to hold out): run a budget in between.\n");
}

TEST_CASE("what is wrong at several targets is said once, by the worst of them") {
  Fit fit = usable_fit();
  fit.targets = {target(10, ExtrapolationLight::only_with_holdout_evidence),
                 target(300, ExtrapolationLight::only_with_holdout_evidence)};
  fit.targets[0].compute = 1e20;
  CHECK(warned(warn_of_targets, fit)
            .find("At 1e+21 FLOPs, 300 times the largest budget (as at 1e+20 FLOPs, 10 times the "
                  "largest "
                  "budget), a prediction is worth") == 0);
}

TEST_CASE("a predicted loss below the surface's floor is said") {
  Fit fit = usable_fit();
  fit.targets = {target(10, ExtrapolationLight::caution)};
  fit.targets[0].loss = {1.6};
  CHECK(warned(warn_of_targets, fit).empty());
  fit.parametric.emplace().status = FitStatus::ok;
  fit.parametric->law.irreducible = 1.7;
  CHECK(warned(warn_of_targets, fit)
            .find("the predicted loss, 1.6, is below the surface's E = 1.7") != std::string::npos);
}

TEST_CASE(
    "a hold-out within the found minimum's own error is not poor, nor is a loss without a floor") {
  HoldoutScore noisy = score(0.4, 0);
  CHECK(summarize(std::vector{noisy}).front().misses_scale);
  noisy.found_ln_scale_se = 0.3;
  CHECK_FALSE(summarize(std::vector{noisy}).front().is_poor());
  HoldoutScore unfloored = score(0, -0.06);
  CHECK(summarize(std::vector{unfloored}).front().misses_loss);
  unfloored.judges_loss = false;
  const HoldoutSummary summary =
      summarize(std::vector{unfloored, unfloored, score(0, 0.001)}).front();
  CHECK_FALSE(summary.is_poor());
  CHECK(summary.worst.loss == 0.001);
}

TEST_CASE("estimators that disagree are said") {
  Fit fit = usable_fit();
  fit.targets = {target(10, ExtrapolationLight::caution)};
  for (const double disagreement : {0.3, -0.2}) {
    fit.targets[0].disagreement = disagreement;
    CHECK(warned(warn_of_targets, fit).empty());
  }
  for (const double disagreement : {0.5, -0.4}) {
    fit.targets[0].disagreement = disagreement;
    CHECK(warned(warn_of_targets, fit).find("the surface's optimal size is") != std::string::npos);
  }
}

TEST_CASE("an over-estimate that would waste a tenth of the compute is said") {
  Fit fit = usable_fit();
  fit.targets = {target(10, ExtrapolationLight::caution)};
  fit.targets[0].overestimate = MissCost{.waste = {.size_ratio = 1.5, .wasted_share = 0.057}};
  CHECK(warned(warn_of_targets, fit).empty());
  fit.targets[0].overestimate = MissCost{.waste = {.size_ratio = 2, .wasted_share = 0.157}};
  CHECK(warned(warn_of_targets, fit)
            .find("may be 2 times smaller than predicted, which would "
                  "waste 16 % of the compute") != std::string::npos);
}

TEST_CASE("an interval that the noise does not allow is said, with the runs it would need") {
  Fit fit = usable_fit();
  fit.sample_size.n_runs = 240;
  fit.sample_size.effective = 240;
  fit.sample_size.intervals = {{.of = "parametric.a", .interval = {}, .runs_needed = 900}};
  CHECK(warned(warn_of_sample_size, fit.sample_size).empty());
  fit.sample_size.intervals[0].runs_needed = 6e5;
  CHECK(warned(warn_of_sample_size, fit.sample_size) ==
        "The bootstrap's interval of parametric.a is narrower than the noise allows: it would need "
        "about 6e+05 runs, there are 240; quote the calibrated one.\n");
}

TEST_CASE("runs that share trunks are said to be worth fewer") {
  Fit fit = usable_fit();
  fit.sample_size.n_runs = 40;
  fit.sample_size.n_independent = 25;
  fit.sample_size.effective = 22;
  CHECK(warned(warn_of_sample_size, fit.sample_size).empty());
  fit.sample_size.n_independent = 9;
  fit.sample_size.effective = 8.9;
  CHECK(warned(warn_of_sample_size, fit.sample_size) ==
        "40 points share 9 trunks and are worth about as many as 8.9 independent ones.\n");
}
