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
        "Hold-out, isoflop, 10 times the compute: optimal size off by 10 %, tokens by -20 %, loss "
        "by 12 %.\n");
}

TEST_CASE("no hold-out is warned of where there is a law") {
  CHECK(warned(warn_of_holdout, usable_fit()).find("No hold-out: 4 budgets") == 0);
  CHECK(warned(warn_of_holdout, Fit{}).empty());
}

TEST_CASE("a red light is said") {
  Fit fit = usable_fit();
  fit.targets = {target(99, ExtrapolationLight::caution)};
  CHECK(warned(warn_of_targets, fit.targets).empty());
  fit.targets = {target(300, ExtrapolationLight::only_with_holdout_evidence)};
  CHECK(warned(warn_of_targets, fit.targets) ==
        "At 1e+21 FLOPs, 300 times the largest budget, a prediction is worth something only with "
        "hold-out evidence.\n");
}

TEST_CASE("estimators that disagree are said") {
  Fit fit = usable_fit();
  fit.targets = {target(10, ExtrapolationLight::caution)};
  for (const double disagreement : {0.3, -0.2}) {
    fit.targets[0].disagreement = disagreement;
    CHECK(warned(warn_of_targets, fit.targets).empty());
  }
  for (const double disagreement : {0.5, -0.4}) {
    fit.targets[0].disagreement = disagreement;
    CHECK(warned(warn_of_targets, fit.targets).find("the surface's optimal size is") !=
          std::string::npos);
  }
}

TEST_CASE("an over-estimate that would waste a tenth of the compute is said") {
  Fit fit = usable_fit();
  fit.targets = {target(10, ExtrapolationLight::caution)};
  fit.targets[0].overestimate = MissCost{.waste = {.size_ratio = 1.5, .wasted_share = 0.057}};
  CHECK(warned(warn_of_targets, fit.targets).empty());
  fit.targets[0].overestimate = MissCost{.waste = {.size_ratio = 2, .wasted_share = 0.157}};
  CHECK(warned(warn_of_targets, fit.targets)
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
        "The interval of parametric.a is narrower than the noise allows: it would need about 6e+05 "
        "runs, there are 240.\n");
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
