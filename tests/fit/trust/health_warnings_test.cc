// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "fit/trust/trust_warnings.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

/// A sweep of which nothing is to be complained about.
PointSet healthy() {
  const test::SweepOracle oracle{.surface = test::epoch_surface(), .budgets = {1e18, 1e19}};
  PointSet set = oracle.points();
  for (Point& point : set.points) {
    point.batch_tokens = point.tokens / 1000;
    point.other = {{"n_steps", "1000"},       {"warmup_steps", "50"},   {"precision", "bf16"},
                   {"device", "h100"},        {"code_version", "1"},    {"outcome", "completed"},
                   {"vocab_size", "100000"},  {"n_spikes", "0"},        {"clip_fraction", "0.05"},
                   {"collapse_outlier", "0"}, {"unique_tokens", "1e15"}};
  }
  return set;
}

Words warnings_of(const PointSet& points) {
  Words warnings;
  warn_of_health(points, warnings);
  return warnings;
}

/// The only warning of a healthy set of which one point is changed.
std::string warning_after(const std::function<void(Point&)>& change) {
  PointSet points = healthy();
  change(points.points[4]);
  const Words warnings = warnings_of(points);
  REQUIRE(warnings.size() == 1);
  return warnings[0];
}

bool starts(const std::string& text, const std::string& with) { return text.find(with) == 0; }

}  // namespace

TEST_CASE("healthy runs are not complained about, nor runs of which nothing is known") {
  CHECK(warnings_of(healthy()).empty());
  PointSet bare = healthy();
  for (Point& point : bare.points) {
    point.other.clear();
    point.batch_tokens.reset();
  }
  CHECK(warnings_of(bare).empty());
}

TEST_CASE("shares are said in percent, of two digits as far as these are whole") {
  CHECK(percent_text(0.0123) == "1.2 %");
  CHECK(percent_text(-0.994) == "-99 %");
  CHECK(percent_text(0.996) == "100 %");
  CHECK(percent_text(1) == "100 %");
  CHECK(percent_text(13.144) == "1314 %");
  CHECK(percent_text(INFINITY) == "inf %");
}

TEST_CASE("data seen more than once is said, with the epochs") {
  CHECK(starts(
      warning_after([](Point& p) { p.other["unique_tokens"] = std::to_string(p.tokens / 2.5); }),
      "1 run saw data more than once, up to 2.5 epochs"));
}

TEST_CASE("a long warm-up is said, with its share") {
  CHECK(starts(warning_after([](Point& p) { p.other["warmup_steps"] = "300"; }),
               "1 run spent more than 10 % of the steps on warm-up, up to 30 %"));
}

TEST_CASE("few steps are said, whether stated or found from the batch") {
  const std::string words = "1 run took fewer than 500 steps, down to 200";
  CHECK(starts(warning_after([](Point& p) {
                 p.other["n_steps"] = "200";
                 p.other["warmup_steps"] = "10";
               }),
               words));
  CHECK(starts(warning_after([](Point& p) {
                 p.other.erase("n_steps");
                 p.other.erase("warmup_steps");
                 p.batch_tokens = p.tokens / 200;
               }),
               words));
}

TEST_CASE(
    "a budget whose best loss is near guessing is named; worse runs beside a good one are not") {
  PointSet points = healthy();
  points.points.front().loss = 0.9 * std::log(1e5);
  CHECK(warnings_of(points).empty());
  for (Point& point : points.points) {
    if (*point.budget == 1e18) point.loss = 0.7 * std::log(1e5) + *point.loss / 100;
  }
  const Words warnings = warnings_of(points);
  REQUIRE(warnings.size() == 1);
  CHECK(starts(warnings[0], "The best loss is above 0.6 ln(vocab_size) at 1 budget (1e+18)"));
}

TEST_CASE("runs that did not complete, spiked, were clipped or left the others' curve are said") {
  CHECK(starts(warning_after([](Point& p) { p.other["outcome"] = "diverged"; }),
               "1 of the points did not complete (diverged)"));
  CHECK(starts(warning_after([](Point& p) { p.other["n_spikes"] = "7"; }),
               "1 run had loss spikes, up to 7"));
  CHECK(starts(warning_after([](Point& p) { p.other["clip_fraction"] = "0.8"; }),
               "1 run had the gradient clipped in more than half of the steps, up to 80 %"));
  CHECK(starts(warning_after([](Point& p) { p.other["collapse_outlier"] = "1"; }),
               "1 run left the loss curve that the others share"));
}

TEST_CASE("diverged runs of a sweep, which are no points, are counted") {
  PointSet points = healthy();
  points.n_diverged_runs = 3;
  const Words warnings = warnings_of(points);
  REQUIRE(warnings.size() == 1);
  CHECK(starts(warnings[0], "3 runs diverged and are not among the points"));
}

TEST_CASE("runs of different precision, hardware or code in one fit are said") {
  CHECK(starts(warning_after([](Point& p) { p.other["precision"] = "fp32"; }),
               "The runs differ in numeric precision (bf16, fp32)"));
  CHECK(starts(warning_after([](Point& p) { p.other["device"] = "cpu"; }),
               "The runs differ in hardware (cpu, h100)"));
  CHECK(starts(warning_after([](Point& p) { p.other["code_version"] = "2"; }),
               "The runs differ in code version (1, 2)"));
}

TEST_CASE("a fit says what it sees of the runs' health") {
  PointSet points = healthy();
  points.points[0].other["n_spikes"] = "2";
  const Fit result = fit(points, {.scale = LossLaw::Scale::params, .n_bootstrap = 0});
  CHECK(std::any_of(result.warnings.begin(), result.warnings.end(),
                    [](const std::string& w) { return starts(w, "1 run had loss spikes"); }));
}
