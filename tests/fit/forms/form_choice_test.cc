// SPDX-License-Identifier: Apache-2.0
#include "fit/forms/form_choice.h"

#include <cmath>

#include "fit/points/settings.h"
#include "isoflop/fit.h"
#include "support/catch.h"
#include "support/form_oracle.h"

namespace isoflop::test {
namespace {

PointSet points_of(const FormDraw& draw) {
  PointSet set;
  for (const Sample& sample : draw.samples) {
    Point point;
    point.params = sample.scale;
    point.tokens = sample.tokens;
    point.loss = sample.metric;
    point.batch_tokens = sample.batch_tokens;
    if (sample.unique_tokens) point.other["unique_tokens"] = std::to_string(*sample.unique_tokens);
    set.points.push_back(point);
  }
  return set;
}

Fit fit_with(const FormDraw& draw, const std::vector<std::string>& forms) {
  FitOptions options;
  options.scale = LossLaw::Scale::params;
  options.n_bootstrap = 0;
  options.forms = forms;
  return fit(points_of(draw), options);
}

FormFit held_out(const std::string& name, double error, std::int64_t n_points = 30) {
  FormFit form;
  form.name = name;
  form.status = FitStatus::ok;
  form.n_points = n_points;
  form.n_holdout = 5;
  form.holdout_error = error;
  return form;
}

}  // namespace

TEST_CASE(
    "the form that predicts the largest budgets clearly better is named, and why it is idle") {
  const FormFit plain = held_out("chinchilla", 0.02);
  const std::vector<FormFit> forms = {held_out("skaling", 0.004), held_out("interaction", 0.006),
                                      held_out("three_term", 0.001, 90)};
  const auto choice = choose_form(forms, plain, {.believed = true, .lack_of_fit = std::nullopt});
  REQUIRE(choice);
  CHECK(choice->name == "skaling");
  CHECK_FALSE(choice->is_used);
  CHECK_THAT(choice->reason, Catch::Contains("0.4 % rms, 2 % by E"));
  const LackOfFit test{.form = "interaction", .f = 20, .p = 1e-5, .dof_form = 2, .dof_residual = 9};
  CHECK_THAT(choose_form(forms, plain, {.believed = false, .lack_of_fit = test})->reason,
             Catch::Contains("nor the sum: its lack-of-fit test rejects it"));
}

TEST_CASE("a form that is hardly better is not preferred to the plain sum") {
  const FormFit plain = held_out("chinchilla", 0.02);
  const std::vector<FormFit> forms = {plain, held_out("skaling", 0.019)};
  const auto choice = choose_form(forms, plain, {.believed = true, .lack_of_fit = std::nullopt});
  REQUIRE(choice);
  CHECK(choice->name == "chinchilla");
  CHECK(choice->is_used);
  CHECK_FALSE(choose_form(std::vector{plain}, plain, {}));
}

TEST_CASE("a fit says which form its hold-outs prefer, in JSON, too") {
  const FormDraw draw = draw_form("skaling", 5, true, 0.0003);
  const Fit result = fit_with(draw, {"skaling", "three_term"});
  REQUIRE(result.form_choice);
  CHECK(result.form_choice->name == "skaling");
  CHECK_FALSE(result.forms[1].not_fitted.empty());
  const std::string json = to_json(result);
  CHECK_THAT(json, Catch::Contains("\"form_choice\""));
  CHECK_THAT(json, Catch::Contains("\"intervals\""));
}

TEST_CASE("damage by repeated data is taken off before the surface is fitted") {
  const FormDraw draw = draw_form("repetition_damage", 2, true, 0.0005);
  const Fit result = fit_with(draw, {});
  REQUIRE(result.repetition);
  CHECK(result.repetition->damage_is_used);
  REQUIRE(result.parametric);
  CHECK(std::abs(result.parametric->law.alpha / draw.truth[3] - 1) < 0.05);
  CHECK(std::abs(result.parametric->law.beta / draw.truth[4] - 1) < 0.05);
  CHECK_THAT(to_json(result), Catch::Contains("\"damage_is_used\": true"));
}

TEST_CASE("of every size, length and batch the run at the best rate tells what the batch does") {
  BudgetGroup group;
  for (const double batch : {1e5, 4e5}) {
    for (const double rate : {1e-3, 2e-3, 4e-3}) {
      Sample sample = run_of(1e8, 1e9, 3 + std::abs(std::log(rate / 2e-3)) + 1e-6 * batch);
      sample.batch_tokens = batch;
      sample.peak_lr = rate;
      group.samples.push_back(sample);
    }
  }
  const std::vector<Sample> best = samples_by_batch(std::vector{group});
  REQUIRE(best.size() == 2);
  CHECK(best[0].metric == Approx(3.1));
  CHECK(best[1].metric == Approx(3.4));
  CHECK(*best[1].peak_lr == 2e-3);
}

}  // namespace isoflop::test
