// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "fit/forms/form_fit.h"
#include "fit/surface/trust_problems.h"
#include "support/catch.h"
#include "support/form_oracle.h"

namespace isoflop::test {
namespace {

const std::vector<std::string> kWiderForms = {"skaling", "three_term", "repetition_damage",
                                              "moe_granularity", "moe_experts"};

FormFit fit_of(const std::vector<Sample>& samples, const std::string& form, ObjectiveKind kind) {
  FormOptions options;
  options.objective = kind;
  const std::vector<std::string> names = {form};
  return fit_forms(samples, names, options).front();
}

/// Third input: the batch or the unique tokens.
std::vector<Sample> samples_of_problem(const Problem& problem) {
  std::vector<Sample> samples;
  for (const Observation& point : problem.observations) {
    samples.push_back(run_of(point.x[0], point.x[1], point.y));
    if (problem.name == "three_term") samples.back().batch_tokens = point.x[2];
    if (problem.name == "repetition_damage") samples.back().unique_tokens = point.x[2];
    if (problem.name == "moe_granularity") samples.back().granularity = point.x[2];
    if (problem.name == "moe_experts") samples.back().n_experts = point.x[2];
  }
  return samples;
}

ParameterVector vector_from(const std::vector<double>& values) {
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

}  // namespace

TEST_CASE("the wider forms agree with certified least squares, errors included") {
  int n = 0;
  for (const Problem& problem : read_problems()) {
    if (problem.level != "form") continue;
    ++n;
    const FormFit fit = fit_of(samples_of_problem(problem), problem.name, ObjectiveKind::mse);
    INFO(problem.name);
    REQUIRE(fit.usable());
    CHECK(least_digits(vector_from(fit.values), problem.certified) > 8);
    CHECK(digits(fit.objective_value, problem.rss) > 9);
    // Differences in place of derivatives.
    CHECK(least_digits(vector_from(fit.standard_errors), problem.errors) > 5);
  }
  CHECK(n == static_cast<int>(kWiderForms.size()));
}

TEST_CASE("the wider forms find their own planted parameters") {
  for (const std::string& form : kWiderForms) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const FormDraw draw = draw_form(form, seed, true);
      const FormFit fit = fit_of(draw.samples, form, ObjectiveKind::huber_log);
      INFO(form << " " << seed);
      REQUIRE(fit.usable());
      for (std::size_t i = 0; i < draw.truth.size(); ++i) {
        CHECK(std::abs(fit.values[i] / draw.truth[i] - 1) < 1e-6);
      }
      REQUIRE(fit.holdout_error);
      CHECK(*fit.holdout_error < 1e-6);
    }
  }
}

TEST_CASE("a wider form never ends above the one within it") {
  for (const std::string& form : {std::string("skaling"), std::string("repetition_damage"),
                                  std::string("moe_granularity"), std::string("moe_experts")}) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      for (const ObjectiveKind kind : {ObjectiveKind::huber_log, ObjectiveKind::mse}) {
        const FormDraw draw = draw_form(form, seed, seed % 2 == 0, 0.005);
        const FormFit wide = fit_of(draw.samples, form, kind);
        const FormFit narrow = fit_of(draw.samples, "chinchilla", kind);
        INFO(form << " " << seed);
        CHECK(wide.objective_value <= narrow.objective_value * (1 + 1e-12));
      }
    }
  }
}

TEST_CASE("what a form has beyond another has an interval around its value") {
  for (const std::string& form : {std::string("skaling"), std::string("repetition_damage")}) {
    const FormDraw with = draw_form(form, 3, true, 0.001);
    const FormFit fit = fit_of(with.samples, form, ObjectiveKind::huber_log);
    const std::size_t extra = 5;
    INFO(form);
    REQUIRE(fit.usable());
    REQUIRE(fit.intervals.size() == fit.values.size());
    CHECK(fit.intervals[extra].low < fit.values[extra]);
    CHECK(fit.values[extra] < fit.intervals[extra].high);
    const double null = form == "skaling" ? 1 : 0;
    const Interval& interval = fit.intervals[extra];
    CHECK_FALSE((interval.low <= null && null <= interval.high));
  }
}

TEST_CASE("three terms give the batch at which a budget's loss is lowest") {
  const FormDraw draw = draw_form("three_term", 1, true);
  const FormFit fit = fit_of(draw.samples, "three_term", ObjectiveKind::huber_log);
  REQUIRE(fit.target);
  REQUIRE(fit.target->batch_tokens);
  const auto loss = [&](double size, double tokens, double batch) {
    const std::vector<double>& p = draw.truth;
    return p[0] + p[1] * std::pow(size, -p[4]) + p[2] * std::pow(batch, -p[5]) +
           p[3] * std::pow(tokens / batch, -p[6]);
  };
  const FormTarget& target = *fit.target;
  CHECK(std::abs(loss(target.scale_opt, target.tokens_opt, *target.batch_tokens) / target.loss -
                 1) < 1e-9);
  // In every direction it rises: batch, and size at the same compute.
  for (const double factor : {0.9, 1.1}) {
    CHECK(loss(target.scale_opt, target.tokens_opt, factor * *target.batch_tokens) > target.loss);
    CHECK(loss(factor * target.scale_opt, target.tokens_opt / factor, *target.batch_tokens) >
          target.loss);
  }
}

TEST_CASE(
    "forms of mixtures of experts see the effect that is planted, and none where there is none") {
  const std::pair<std::string, std::size_t> extras[] = {{"moe_granularity", 2}, {"moe_experts", 7}};
  for (const auto& [form, extra] : extras) {
    INFO(form);
    const FormDraw with = draw_form(form, 3, true, 0.0005);
    const FormFit fit = fit_of(with.samples, form, ObjectiveKind::huber_log);
    REQUIRE(fit.usable());
    const Interval& interval = fit.intervals[extra];
    CHECK(interval.low < fit.values[extra]);
    CHECK(fit.values[extra] < interval.high);
    CHECK_FALSE((interval.low <= 0 && 0 <= interval.high));
    REQUIRE(fit.target);
    CHECK((fit.target->granularity.has_value() || fit.target->n_experts.has_value()));
    const FormDraw without = draw_form(form, 3, false, 0.0005);
    const FormFit null = fit_of(without.samples, form, ObjectiveKind::huber_log);
    CHECK(null.intervals[extra].low <= 0);
    CHECK(0 <= null.intervals[extra].high);
    // d and w as well, which are of either sign.
    if (form != "moe_experts") continue;
    for (const std::size_t i : {5, 6}) {
      CHECK(null.intervals[i].low <= 0);
      CHECK(0 <= null.intervals[i].high);
    }
  }
}

TEST_CASE("a form of mixtures of experts says what the points lack of it") {
  const FormDraw dense = draw_form("skaling", 1, false);
  CHECK_THAT(fit_of(dense.samples, "moe_experts", ObjectiveKind::mse).not_fitted,
             Catch::Contains("n_experts"));
  CHECK_THAT(fit_of(dense.samples, "moe_granularity", ObjectiveKind::mse).not_fitted,
             Catch::Contains("granularity"));
  std::vector<Sample> alike = dense.samples;
  for (Sample& sample : alike) sample.n_experts = 8;
  CHECK_THAT(fit_of(alike, "moe_experts", ObjectiveKind::mse).not_fitted,
             Catch::Contains("one number of experts"));
  for (Sample& sample : alike) sample.n_experts = std::pow(sample.scale, 0.3);
  CHECK_THAT(fit_of(alike, "moe_experts", ObjectiveKind::mse).not_fitted,
             Catch::Contains("follow from sizes"));
  for (std::size_t i = 0; i < alike.size(); ++i) alike[i].granularity = i % 2 == 0 ? 1 : 4;
  CHECK_THAT(fit_of(alike, "moe_granularity", ObjectiveKind::mse).not_fitted,
             Catch::Contains("fewer than 3"));
}

TEST_CASE("a form says what the points lack of it") {
  const FormDraw sweep = draw_form("skaling", 1, false);
  CHECK_THAT(fit_of(sweep.samples, "three_term", ObjectiveKind::mse).not_fitted,
             Catch::Contains("batch_tokens"));
  CHECK_THAT(fit_of(sweep.samples, "repetition_damage", ObjectiveKind::mse).not_fitted,
             Catch::Contains("unique_tokens"));
  std::vector<Sample> batched = sweep.samples;
  for (Sample& sample : batched) sample.batch_tokens = 3 * std::pow(sample.tokens, 0.5);
  CHECK_THAT(fit_of(batched, "three_term", ObjectiveKind::mse).not_fitted,
             Catch::Contains("batch alone"));
  std::vector<Sample> repeated = sweep.samples;
  for (Sample& sample : repeated) sample.unique_tokens = sample.tokens / 3;
  CHECK_THAT(fit_of(repeated, "repetition_damage", ObjectiveKind::mse).not_fitted,
             Catch::Contains("equally often"));
}

TEST_CASE("repeated data take the damage that is planted, fresh data none") {
  const FormDraw draw = draw_form("repetition_damage", 2, true);
  for (const Sample& sample : draw.samples) CHECK(repeats_of(sample) >= 0);
  Sample fresh;
  fresh.tokens = 1e9;
  CHECK(repeats_of(fresh) == 0);
  fresh.unique_tokens = 2e9;
  CHECK(repeats_of(fresh) == 0);
}

}  // namespace isoflop::test
