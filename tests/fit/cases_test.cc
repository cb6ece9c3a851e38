// SPDX-License-Identifier: Apache-2.0
// Small tables as people have them, cases/*.csv, that fits once read wrongly. Where nothing else is
// said the truth is L = 1.7 + 400/N^0.34 + 2000/D^0.36, a = 0.514.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

#include "base/rng.h"
#include "isoflop/fit.h"
#include "isoflop/point.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

constexpr double kTrueA = 0.36 / 0.70;

PointSet points_of(const std::string& name) {
  return load_points_csv(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "tests/fit/cases" / name);
}

Fit fit_of(const PointSet& points, std::vector<double> targets = {}) {
  FitOptions options;
  options.scale = LossLaw::Scale::params;
  options.n_bootstrap = 0;
  options.targets = std::move(targets);
  return fit(points, options);
}

bool holds(const Interval& interval, double value) {
  return interval.low <= value && value <= interval.high;
}

bool warns(const Fit& fit, const std::string& words) {
  return std::any_of(fit.warnings.begin(), fit.warnings.end(), [&](const std::string& warning) {
    return warning.find(words) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("an offset per trunk widens the intervals of a grid until they hold the truth") {
  const Fit fit = fit_of(points_of("trunk_offsets.csv"));
  CHECK(fit.sample_size.n_independent == 6);
  REQUIRE(fit.surface_intervals);
  const SurfaceIntervals& intervals = *fit.surface_intervals;
  CHECK(intervals.n_units == 6);
  CHECK(holds(intervals.beta, 0.36));
  CHECK(holds(intervals.alpha, 0.34));
  CHECK(holds(intervals.a, kTrueA));
  CHECK(holds(intervals.E, 1.7));
  CHECK(intervals.beta.high - intervals.beta.low > 0.02);
  CHECK(fit.valleys.empty());  // the grid's diagonals are no iso-FLOP curves
}

TEST_CASE("sizes that are nearly equal identify neither alpha nor an optimum") {
  const Fit fit = fit_of(points_of("near_equal_sizes.csv"));
  REQUIRE(fit.surface_intervals);
  const SurfaceIntervals& intervals = *fit.surface_intervals;
  CHECK_FALSE(fit.parametric->diagnostics->profile_a.identified);
  CHECK(holds(intervals.a, kTrueA));
  CHECK(holds(intervals.E, 1.7));
  CHECK(holds(intervals.alpha, 0.34));
  CHECK(holds(intervals.beta, 0.36));
  CHECK(intervals.forecasts.front().law.high > 1.00e9);
  CHECK(fit.valleys.empty());
  REQUIRE_FALSE(fit.targets.empty());
  if (fit.targets.front().scale.interval) {
    CHECK(holds(*fit.targets.front().scale.interval, 1.00e9));
  }
}

TEST_CASE("checkpoints of six runs are six runs, named by run_id or by trunk") {
  for (const char* name : {"checkpoints.csv", "checkpoints_with_trunk.csv"}) {
    const Fit fit = fit_of(points_of(name));
    INFO(name);
    CHECK(fit.n_points == 72);
    CHECK(fit.sample_size.n_independent == 6);
    REQUIRE(fit.surface_intervals);
    CHECK(fit.surface_intervals->n_units == 6);
    CHECK(holds(fit.surface_intervals->a, 0.625));
    CHECK(fit.valleys.empty());
  }
  CHECK(warns(fit_of(points_of("checkpoints.csv")), "6 runs have several points, r0, r1, r2"));
}

TEST_CASE("rows given twice say what they say once") {
  const Fit twice = fit_of(points_of("rows_twice.csv")), once = fit_of(points_of("rows_once.csv"));
  CHECK(twice.n_points == 16);
  CHECK(twice.sample_size.n_independent == 16);
  REQUIRE(twice.surface_intervals);
  CHECK(twice.surface_intervals->a.low == Approx(once.surface_intervals->a.low).epsilon(1e-9));
  CHECK(twice.surface_intervals->a.high == Approx(once.surface_intervals->a.high).epsilon(1e-9));
  CHECK(warns(twice, "16 rows say what an earlier one says and count once: row 18"));
  CHECK_FALSE(warns(twice, "Lack of fit"));
}

TEST_CASE("E at its bound has an interval that reaches to where it may be") {
  const Fit fit = fit_of(points_of("floor_at_bound.csv"));
  CHECK(fit.parametric->law.irreducible == 0);
  REQUIRE(fit.surface_intervals);
  CHECK(fit.surface_intervals->E.low == 0);
  CHECK(holds(fit.surface_intervals->E, 0.5));
  CHECK(fit.surface_intervals->E.high < 2);
}

TEST_CASE("a correction larger than the window that it corrects is none") {
  const Fit six = fit_of(points_of("six_sizes.csv"));
  CHECK(six.scale_opt.law.exponent == Approx(0.446).margin(0.001));
  CHECK(holds(six.scale_opt.exponent, kTrueA));
  CHECK(warns(six, "surface and curves contradict each other"));
  const Fit second = fit_of(points_of("six_sizes_2.csv"));
  CHECK(second.scale_opt.law.exponent == Approx(0.577).margin(0.001));
  CHECK(holds(second.scale_opt.exponent, kTrueA));
  const Fit third = fit_of(points_of("six_sizes_3.csv"));
  CHECK(third.scale_opt.usable());
  CHECK(holds(third.scale_opt.exponent, kTrueA));
  CHECK_FALSE(warns(third, "needs 3 budgets"));
}

TEST_CASE("one usable budget makes no law, and the surface's interval holds the truth") {
  const Fit fit = fit_of(points_of("two_budgets.csv"));
  CHECK_FALSE(fit.scale_opt.usable());
  REQUIRE(fit.surface_intervals);
  CHECK(holds(fit.surface_intervals->a, kTrueA));
}

TEST_CASE("a size that was typed wrong is named, and its doubt is in the intervals") {
  const Fit fit = fit_of(points_of("mistyped_size.csv"));
  CHECK(warns(fit, "Size 8e+07: all 5 residuals of runs of this size are positive"));
  REQUIRE(fit.surface_intervals);
  CHECK(fit.surface_intervals->dependence == Dependence::size);
  CHECK(holds(fit.surface_intervals->a, kTrueA));
  CHECK(fit.surface_intervals->forecasts.front().law.low > 1e6);
}

TEST_CASE("exact losses give the truth, whatever digits they are rounded to") {
  const Fit rounded = fit_of(points_of("rounded.csv"));
  CHECK(rounded.parametric->usable());
  CHECK(rounded.parametric->law.alpha == Approx(0.34).epsilon(1e-4));
  const Fit exact = fit_of(points_of("exact.csv"));
  CHECK(exact.parametric->law.beta == Approx(0.36).epsilon(1e-9));
  CHECK_FALSE(warns(exact, "narrower than the noise allows"));
  CHECK_FALSE(warns(exact, "disagree"));
  CHECK_FALSE(warns(exact, "Lack of fit"));

  const PointSet design = points_of("rounded.csv");
  const LossLaw truth{1.2, 400, 0.34, 2000, 0.36, LossLaw::Scale::params};
  for (int digits = 5; digits <= 9; ++digits) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const Rng rng(seed, 5);
      PointSet set = design;
      for (std::size_t i = 0; i < set.points.size(); ++i) {
        Point& point = set.points[i];
        point.params = *point.params * std::exp(0.2 * rng.normal(2 * i));
        point.tokens *= std::exp(0.2 * rng.normal(2 * i + 1));
        point.compute.reset();
        const double unit = std::pow(10, -digits);
        point.loss = std::round(truth(*point.params, point.tokens) / unit) * unit;
      }
      INFO(digits << " digits, seed " << seed);
      CHECK(fit_of(set).parametric->usable());
    }
  }
}

TEST_CASE("repeated data count by what they are worth, and optima are those of fresh data") {
  const Fit fit = fit_of(points_of("repeated_data.csv"), {3.6e20});
  REQUIRE(fit.repetition);
  CHECK(fit.repetition->is_used);
  REQUIRE(fit.targets.size() == 1);
  CHECK(fit.targets.front().scale.value == Approx(1.612e9).epsilon(1e-3));
  CHECK(warns(fit, "count for what they are worth"));
  CHECK_FALSE(warns(fit, "Lack of fit"));
}

TEST_CASE("forms of losses without a trend are told as JSON, what is open as null") {
  PointSet flat = points_of("rounded.csv");
  for (Point& point : flat.points) *point.loss = 3 + 0.001 * (*point.loss - 3);
  FitOptions options;
  options.scale = LossLaw::Scale::params;
  options.n_bootstrap = 0;
  options.forms = surface_form_names();
  CHECK(to_json(fit(flat, options)).find("\"kaplan\"") != std::string::npos);
  for (Point& point : flat.points) point.loss = 3;
  CHECK(to_json(fit(flat, options)).find("\"kaplan\"") != std::string::npos);
}

TEST_CASE("one trunk for all points leaves nothing to resample") {
  PointSet points = points_of("rounded.csv");
  for (Point& point : points.points) point.trunk = "t";
  FitOptions options;
  options.scale = LossLaw::Scale::params;
  options.n_bootstrap = 50;
  const Fit result = fit(points, options);
  REQUIRE(result.parametric);
  CHECK(result.parametric->n_bootstrap == 0);
}

TEST_CASE("computes that are close because there are many points are no iso-FLOP curves") {
  const Rng rng(3, 9);
  const LossLaw truth{1.7, 400, 0.34, 2000, 0.36, LossLaw::Scale::params};
  PointSet scattered;
  scattered.frame.metric = Metric::loss_nats;
  for (std::uint64_t i = 0; i < 1500; ++i) {
    Point point;
    point.label = "row " + std::to_string(i + 2);
    point.params = std::exp(std::log(1e7) + 7 * rng.uniform(3 * i));
    point.tokens = std::exp(std::log(1e9) + 7 * rng.uniform(3 * i + 1));
    point.loss = truth(*point.params, point.tokens) * std::exp(0.003 * rng.normal(3 * i + 2));
    scattered.points.push_back(point);
  }
  const Fit result = fit_of(scattered);
  CHECK(result.valleys.empty());
  REQUIRE(result.surface_intervals);
  CHECK(holds(result.surface_intervals->a, kTrueA));
}
