// SPDX-License-Identifier: Apache-2.0
#include "fit/metric/second_stage.h"

#include "base/json.h"
#include "base/rng.h"
#include "base/text.h"
#include "fit/metric/second_stage_columns.h"
#include "fit/metric/second_stage_warnings.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

constexpr Sigmoid kAccuracy{.floor = 0.25, .ceiling = 0.92, .k = 6, .loss_mid = 2.6};

struct Design {
  double worst = 3.4, best = 2.1;  // losses, evenly from one to the other as compute grows
  int n = 40;
  double noise = 0;
  std::uint64_t seed = 0;
  int per_trunk = 0;       // neighbours in the list; 0: no trunks
  double trunk_noise = 0;  // common to them
};

std::vector<StagePoint> planted(const Sigmoid& truth, const Design& design) {
  const Rng own(design.seed, 0), common(design.seed, 1);
  std::vector<StagePoint> points;
  for (int i = 0; i < design.n; ++i) {
    const double share = static_cast<double>(i) / (design.n - 1);
    StagePoint point{.loss = design.worst + share * (design.best - design.worst)};
    point.metric = truth(point.loss) + design.noise * own.normal(static_cast<std::uint64_t>(i));
    // Four runs of one budget.
    point.compute = 1e17 * std::pow(10, 4.0 * (i / 4) * 4 / design.n);
    if (design.per_trunk > 0) {
      const int trunk = i / design.per_trunk;
      point.trunk = std::to_string(trunk);
      point.metric += design.trunk_noise * common.normal(static_cast<std::uint64_t>(trunk));
    }
    points.push_back(point);
  }
  return points;
}

SecondStage stage_of(const std::vector<StagePoint>& points, std::int64_t n_bootstrap = 0,
                     const std::vector<StageTarget>& targets = {}) {
  return fit_second_stage("acc", points, targets, {.n_bootstrap = n_bootstrap});
}

std::string warnings_of(const SecondStage& stage) {
  Words warnings;
  warn_of_second_stage({&stage, 1}, warnings);
  return join(warnings, "\n");
}

bool holds(const Interval& interval, double value) {
  return interval.low <= value && value <= interval.high;
}

/// A sweep with a further column that follows the loss.
PointSet sweep_with(const std::string& column, const Sigmoid& truth) {
  test::SweepOracle oracle{.surface = test::epoch_surface(),
                           .budgets = {1e17, 1e18, 1e19, 1e20, 1e21}};
  PointSet points = oracle.points();
  for (std::size_t i = 0; i < points.points.size(); ++i) {
    Point& point = points.points[i];
    point.label = "row " + std::to_string(i + 2);
    point.other[column] = exact_text(truth(*point.loss));
  }
  return points;
}

}  // namespace

TEST_CASE("a planted sigmoid comes back from its own points, whatever the units") {
  const Sigmoid truths[] = {
      kAccuracy,
      {.floor = 25, .ceiling = 92, .k = 6, .loss_mid = 2.6},            // percent
      {.floor = 0.75, .ceiling = 0.08, .k = 4, .loss_mid = 2.4},        // an error rate
      {.floor = -1200, .ceiling = 340, .k = 9, .loss_mid = 2.9},        // a score
      {.floor = 0.01, .ceiling = 0.99, .k = 25, .loss_mid = 2.3},       // sudden
      {.floor = 0.5, .ceiling = 0.5 + 1e-4, .k = 5, .loss_mid = 2.7}};  // barely moves
  for (const Sigmoid& truth : truths) {
    INFO(truth.floor << " to " << truth.ceiling);
    const SecondStage stage = stage_of(planted(truth, {}));
    REQUIRE(stage.usable());
    const double height = std::abs(truth.ceiling - truth.floor);
    CHECK(stage.curve.floor == Approx(truth.floor).margin(1e-7 * height));
    CHECK(stage.curve.ceiling == Approx(truth.ceiling).margin(1e-7 * height));
    CHECK(stage.curve.k == Approx(truth.k).epsilon(1e-7));
    CHECK(stage.curve.loss_mid == Approx(truth.loss_mid).epsilon(1e-7));
    CHECK(stage.residual_sd < 1e-9 * height);
    CHECK(stage.ceiling_identified);
    CHECK(warnings_of(stage).empty());
  }
}

TEST_CASE("no parameters near the fit have a lower sum of squares") {
  const std::vector<StagePoint> points = planted(kAccuracy, {.noise = 0.02, .seed = 3});
  const SecondStage stage = stage_of(points);
  const auto squares = [&](const Sigmoid& curve) {
    double sum = 0;
    for (const StagePoint& point : points) sum += std::pow(curve(point.loss) - point.metric, 2);
    return sum;
  };
  const double least = squares(stage.curve);
  CHECK(stage.residual_sd == Approx(std::sqrt(least / 36)).epsilon(1e-12));
  const Rng rng(11);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const double step = std::pow(10, -4 * rng.uniform(5 * i));
    Sigmoid other = stage.curve;
    other.floor += 0.3 * step * rng.normal(5 * i + 1);
    other.ceiling += 0.3 * step * rng.normal(5 * i + 2);
    other.k *= std::exp(step * rng.normal(5 * i + 3));
    other.loss_mid += 0.3 * step * rng.normal(5 * i + 4);
    REQUIRE(squares(other) >= least * (1 - 1e-12));
  }
}

TEST_CASE("bootstrap intervals hold a planted truth about nine times in ten") {
  int floor = 0, ceiling = 0, k = 0, middle = 0, target = 0;
  constexpr int kSweeps = 40;
  const std::vector<StageTarget> targets = {{1e22, {2.0, Interval{1.98, 2.02}}}};
  for (std::uint64_t seed = 0; seed < kSweeps; ++seed) {
    const SecondStage stage =
        stage_of(planted(kAccuracy, {.n = 48, .noise = 0.01, .seed = seed}), 60, targets);
    REQUIRE(stage.floor);
    floor += holds(*stage.floor, kAccuracy.floor);
    ceiling += holds(*stage.ceiling, kAccuracy.ceiling);
    k += holds(*stage.k, kAccuracy.k);
    middle += holds(*stage.loss_mid, kAccuracy.loss_mid);
    // A run whose loss was known to 1 %, about the curve.
    const Rng rng(seed, 77);
    const double found =
        kAccuracy(2.0 * std::exp(0.01 / 1.6449 * rng.normal(0))) + 0.01 * rng.normal(1);
    target += holds(*stage.at_targets[0].interval, found);
  }
  // Binomial(40, 0.9) is below 31 about once in 200 times; percentiles of few points are a
  // little narrow.
  for (const int hits : {floor, ceiling, k, middle, target}) CHECK(hits >= 31);
}

TEST_CASE("runs of one trunk are drawn together, which widens the intervals") {
  Design design{.noise = 0.002, .seed = 5, .per_trunk = 4, .trunk_noise = 0.02};
  const SecondStage clustered = stage_of(planted(kAccuracy, design), 300);
  CHECK(clustered.n_units == 10);
  std::vector<StagePoint> points = planted(kAccuracy, design);
  for (StagePoint& point : points) point.trunk.clear();
  const SecondStage single = stage_of(points, 300);
  CHECK(single.n_units == 40);
  CHECK(clustered.curve.k == single.curve.k);
  CHECK(clustered.loss_mid->high - clustered.loss_mid->low >
        1.2 * (single.loss_mid->high - single.loss_mid->low));
}

TEST_CASE("resampling repeats itself under a seed") {
  const std::vector<StagePoint> points = planted(kAccuracy, {.noise = 0.01});
  const SecondStage one = stage_of(points, 50), two = stage_of(points, 50);
  CHECK(one.k->low == two.k->low);
  CHECK(one.k->high == two.k->high);
  const SecondStage other = fit_second_stage("acc", points, {}, {.n_bootstrap = 50, .seed = 1});
  CHECK(one.k->low != other.k->low);
}

TEST_CASE("a metric at chance is said to be, and one that moves is not") {
  const Sigmoid chance{.floor = 0.25, .ceiling = 0.25, .k = 6, .loss_mid = 2.6};
  CHECK_THAT(warnings_of(stage_of(planted(chance, {.noise = 0.01}))), contains("still at chance"));
  CHECK_THAT(warnings_of(stage_of(planted(kAccuracy, {.noise = 0.01}))),
             !contains("still at chance"));
}

TEST_CASE("noise that trunks share does not pass for a slope") {
  // Three trunks of 16 points, each a shift of its own: as points their slope would be certain.
  const Sigmoid chance{.floor = 0.25, .ceiling = 0.25, .k = 6, .loss_mid = 2.6};
  std::vector<StagePoint> points =
      planted(chance, {.n = 48, .noise = 0.001, .seed = 2, .per_trunk = 16, .trunk_noise = 0.05});
  CHECK(stage_of(points).slope_p > 0.01);
  for (StagePoint& point : points) point.trunk.clear();
  CHECK(stage_of(points).slope_p < 0.01);
}

TEST_CASE("a ceiling beyond the points is not identified, one that they reach is") {
  // The best loss is still half-way up.
  const SecondStage early = stage_of(planted(kAccuracy, {.best = 2.75, .noise = 0.005}));
  CHECK_FALSE(early.ceiling_identified);
  CHECK(holds(early.ceiling_profile, kAccuracy.ceiling));
  CHECK(early.ceiling_profile.high - early.ceiling_profile.low > 0.2);
  CHECK_THAT(warnings_of(early), contains("do not identify the ceiling"));
  const SecondStage late = stage_of(planted(kAccuracy, {.noise = 0.005}));
  CHECK(late.ceiling_identified);
  CHECK(holds(late.ceiling_profile, late.curve.ceiling));
  CHECK_THAT(warnings_of(late), !contains("ceiling"));
}

TEST_CASE("a ceiling held by its bound alone is not identified") {
  // Exponential in the loss: no bend in sight.
  const Sigmoid rising{.floor = 0.25, .ceiling = 1, .k = 2, .loss_mid = 0.5};
  const SecondStage stage = stage_of(planted(rising, {.noise = 0.003}));
  CHECK(stage.bounds.high == 1);
  CHECK(stage.ceiling_profile.high == 1);
  CHECK_FALSE(stage.ceiling_identified);
  CHECK_THAT(warnings_of(stage), contains("do not identify the ceiling"));
}

TEST_CASE("a curve that bends off beyond the smaller budgets has a poor hold-out") {
  std::vector<StagePoint> points = planted(kAccuracy, {.noise = 0.004});
  const SecondStage good = stage_of(points);
  REQUIRE(good.holdout);
  CHECK(good.holdout->n_points == 4);
  CHECK(good.holdout->ratio == Approx(std::pow(10, 0.4)));
  CHECK_FALSE(good.holdout->is_poor);
  CHECK_THAT(warnings_of(good), !contains("hold-out"));
  // The largest budget was contaminated: 10 points above the curve.
  for (std::size_t i = points.size() - 4; i < points.size(); ++i) points[i].metric += 0.1;
  const SecondStage poor = stage_of(points);
  REQUIRE(poor.holdout);
  CHECK(poor.holdout->rms_error == Approx(0.1).margin(0.02));
  CHECK(poor.holdout->worst_error < 0);
  CHECK_THAT(warnings_of(poor), contains("hold-out at 2.51 times the compute is off by"));
}

TEST_CASE("a target outside the losses of the points is said to be") {
  const std::vector<StagePoint> points = planted(kAccuracy, {.noise = 0.004});
  const SecondStage inside = stage_of(points, 0, {{1e20, {2.3, {}}}});
  CHECK(inside.at_targets[0].beyond == 0);
  CHECK_FALSE(inside.at_targets[0].interval);
  CHECK_THAT(warnings_of(inside), !contains("extrapolates"));
  const SecondStage outside = stage_of(points, 0, {{1e20, {2.3, {}}}, {1e22, {1.84, {}}}});
  CHECK(outside.at_targets[1].beyond == Approx(0.2));
  CHECK(outside.at_targets[1].metric == outside.curve(1.84));
  CHECK_THAT(warnings_of(outside), contains("at 1e+22 FLOPs it extrapolates in the loss"));
}

TEST_CASE("what cannot be fitted says why") {
  const auto excuse = [](std::vector<StagePoint> points) {
    const SecondStage stage = stage_of(points);
    CHECK_FALSE(stage.usable());
    CHECK_THAT(warnings_of(stage), contains("was not fitted"));
    return stage.not_fitted;
  };
  CHECK(excuse(planted(kAccuracy, {.n = 6})) == "needs 7 points, got 6");
  CHECK(excuse({}) == "needs 7 points, got 0");
  CHECK(excuse(planted(kAccuracy, {.worst = 2, .best = 2})) == "all points have one loss");
  CHECK(excuse(planted({.floor = 1, .ceiling = 1, .k = 1, .loss_mid = 1}, {})) ==
        "all points have the same value");
}

TEST_CASE("fit() predicts a further column at its targets and writes it down") {
  const PointSet points = sweep_with("acc", kAccuracy);
  const Fit result = fit(points, {.scale = LossLaw::Scale::params,
                                  .n_bootstrap = 40,
                                  .targets = {3e20, 1e22},
                                  .metric_columns = {"acc"}});
  REQUIRE(result.second_stages.size() == 1);
  const SecondStage& stage = result.second_stages[0];
  CHECK(stage.n_points == 45);
  REQUIRE(stage.at_targets.size() == 2);
  const SecondStageTarget& target = stage.at_targets[0];
  CHECK(target.compute == 3e20);
  CHECK(target.loss == result.targets[0].estimates[0].loss.value);
  CHECK(target.metric == Approx(kAccuracy(target.loss)).epsilon(1e-6));
  REQUIRE(target.interval);
  CHECK(holds(*target.interval, target.metric));

  const Json document = parse_json(to_json(result), "answer");
  const auto stages = JsonReader(document, "answer").at("second_stage").elements(1);
  for (const char* key : {"floor", "ceiling", "k", "loss_mid"}) {
    CHECK(stages[0].at(key).number() > 0);
    CHECK(stages[0].at("intervals").at(key).elements(2)[0].number() > 0);
  }
  CHECK(stages[0].at("column").string() == "acc");
  CHECK(stages[0].at("holdout").at("n_points").number() == 9);
  const auto at = stages[0].at("at_targets").elements(2);
  CHECK(at[1].at("compute").number() == 1e22);
  CHECK(at[1].at("low").number() <= at[1].at("metric").number());
  CHECK(at[1].at("high").number() >= at[1].at("metric").number());
}

TEST_CASE("columns that are not there or hold no numbers are refused by row and name") {
  PointSet points = sweep_with("acc", kAccuracy);
  const auto message = [&](std::vector<std::string> columns) {
    Fit fit;
    fit.options.metric_columns = std::move(columns);
    fit.options.n_bootstrap = 0;
    return ISOFLOP_ERROR_MESSAGE(fit_second_stages(points, fit));
  };
  CHECK(message({"f1"}) == "metric_columns: no point has a further column \"f1\"; there are: acc");
  CHECK(message({"acc", "acc"}) == "metric_columns: \"acc\" is asked for twice");
  points.points[3].other.erase("acc");  // an empty cell is absent
  CHECK(message({"acc"}) == "(nothing was thrown)");
  for (const char* cell : {"n/a", "nan", "inf", "0,5"}) {
    points.points[7].other["acc"] = cell;
    CHECK(message({"acc"}) ==
          "row 9, column acc: must be a finite number, got \"" + std::string(cell) + "\"");
  }
}
