// SPDX-License-Identifier: Apache-2.0
// What makes the lights of a whole fit red, and what does not.
#include <algorithm>
#include <cmath>

#include "isoflop/fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

test::SweepOracle sweep(int n_budgets) {
  return {.surface = test::epoch_surface(),
          .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), n_budgets),
          .noise = 0.002};
}

Fit fitted(const PointSet& points) {
  return fit(points, {.scale = LossLaw::Scale::params, .n_bootstrap = 0});
}

bool warns(const Fit& fit, const std::string& words) {
  return std::any_of(fit.warnings.begin(), fit.warnings.end(), [&](const std::string& warning) {
    return warning.find(words) != warning.npos;
  });
}

bool is_red(const Target& target) {
  return target.light == ExtrapolationLight::only_with_holdout_evidence;
}

}  // namespace

TEST_CASE("clean points of five budgets are not poor for want of a floor through three") {
  const Fit result = fitted(sweep(5).points());
  REQUIRE(result.holdout_summary.size() == 3);
  for (const HoldoutSummary& summary : result.holdout_summary) CHECK_FALSE(summary.is_poor());
  CHECK_FALSE(is_red(result.targets.front()));
  CHECK(result.targets.front().light_reasons == std::vector<std::string>{"10x beyond the data"});
}

TEST_CASE("experiments that are pooled, and one trunk for all, are red with the reason") {
  PointSet points = sweep(5).points();
  for (std::size_t i = 0; i < points.points.size(); ++i) {
    points.points[i].other["experiment"] = i % 2 == 0 ? "a" : "b";
  }
  const Fit pooled = fitted(points);
  CHECK(is_red(pooled.targets.front()));
  CHECK(pooled.targets.front().light_reasons.back() == "2 experiments pooled");
  CHECK(warns(pooled, "The column experiment has 2 values (a, b)"));
  for (Point& point : points.points) {
    point.other["experiment"] = "a";
    point.trunk = "t";
  }
  const Fit of_one_trunk = fitted(points);
  CHECK(of_one_trunk.pooled.empty());
  CHECK(is_red(of_one_trunk.targets.front()));
  CHECK(of_one_trunk.targets.front().light_reasons.back() == "all points share one trunk");
  CHECK(warns(of_one_trunk, "points share one trunk: what they have in common"));
}

TEST_CASE("what the budget buys has the interval of the size") {
  const Fit result = fitted(sweep(5).points());
  for (const Target& target : result.targets) {
    CHECK(6 * target.scale.value * target.tokens.value == Approx(target.compute).epsilon(1e-3));
    CHECK(target.tokens.interval->low * target.scale.interval->high ==
          Approx(target.tokens.value * target.scale.value));
  }
}

TEST_CASE("sizes that are nearly equal make no curve, though a budget is stated") {
  PointSet points = sweep(4).points();
  const double budget = *points.points.front().budget;
  double size = 1e8;
  for (Point& point : points.points) {
    if (*point.budget != budget) continue;
    point.params = size *= 1.01;
    point.tokens = budget / (6 * size);
  }
  const Fit result = fitted(points);
  CHECK(result.valleys.size() == 3);
  CHECK(result.narrow_budgets == std::vector{budget});
  CHECK(warns(result, "budget 1e+18: its sizes lie within a factor of 1.25, which makes no curve"));
}

TEST_CASE("what is wrong alike at several budgets is one warning") {
  PointSet points = sweep(5).points();
  for (Point& point : points.points)
    point.compute = point.compute_flops() * (*point.params > 3e8 ? 1.05 : 1);
  const Fit result = fitted(points);
  CHECK(std::count_if(result.warnings.begin(), result.warnings.end(), [](const std::string& text) {
          return text.find("the runs' computes differ by") != text.npos;
        }) == 1);
}

TEST_CASE("noise that nothing measured is said not to be known") {
  SampleSize size;
  Fit unknown;
  unknown.sample_size = size;
  CHECK_THAT(to_json(unknown), contains("\"run_noise\": null"));
}

TEST_CASE("a surface that the points contradict is red where it alone speaks") {
  // A grid without budgets whose terms are no sum.
  PointSet points = sweep(5).points();
  for (std::size_t i = 0; i < points.points.size(); ++i) {
    Point& point = points.points[i];
    point.budget.reset();
    point.params = 1e8 * std::pow(1.7, static_cast<double>(i % 7));
    point.tokens = 1e9 * std::pow(1.9, static_cast<double>(i / 7));
    point.compute = 6 * *point.params * point.tokens;
    const double interaction = std::log(*point.params / 1e9) * std::log(point.tokens / 1e10);
    point.loss = test::epoch_surface()(*point.params, point.tokens) *
                 (1 + 0.02 * interaction + 1e-3 * static_cast<double>(i * i % 5));
  }
  const Fit result = fitted(points);
  REQUIRE(result.lack_of_fit);
  REQUIRE(result.lack_of_fit->p < 0.01);
  CHECK(result.forecast_weights.scale_surface == 1);
  REQUIRE_FALSE(result.targets.empty());
  CHECK(is_red(result.targets.front()));
  CHECK(result.targets.front().light_reasons.back() == "the surface is not what the points follow");
}
