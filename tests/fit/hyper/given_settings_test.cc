// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "isoflop/fit.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

/// A table of tuned optima: one row for each size and length.
PointSet tuned_table() {
  PointSet set;
  for (const double n : {5e7, 1e8, 2e8, 4e8}) {
    for (const double d : {1e9, 3e9, 9e9, 2.7e10}) {
      Point& point = set.points.emplace_back();
      point.params = n;
      point.tokens = d;
      point.peak_lr = 0.5 * std::pow(n, -0.4) * std::pow(d, 0.08);
      point.batch_tokens = 0.5 * std::pow(n, 0.15) * std::pow(d, 0.45);
      point.loss = 1.7 + 400 / std::pow(n, 0.34) + 2000 / std::pow(d, 0.36);
      point.label = "row " + std::to_string(set.points.size() + 1);
    }
  }
  return set;
}

Fit fit_of(const PointSet& points) {
  return fit(points, {.scale = LossLaw::Scale::params, .n_bootstrap = 0});
}

bool warns(const Fit& fit, const std::string& words) {
  return std::any_of(fit.warnings.begin(), fit.warnings.end(),
                     [&](const auto& w) { return w.find(words) != std::string::npos; });
}

}  // namespace

TEST_CASE("a table of tuned optima gives the laws of its settings in N and D") {
  const Fit result = fit_of(tuned_table());
  CHECK_FALSE(result.hyper);
  REQUIRE(result.given_settings);
  CHECK(result.given_settings->n_runs == 16);
  const auto& rate = result.given_settings->peak_lr_nd;
  REQUIRE(rate);
  // The settings are exact: 1e-9 is what logarithms round.
  CHECK(rate->form.coefficient == Approx(0.5).epsilon(1e-9));
  CHECK(rate->form.exponent_params == Approx(-0.4).epsilon(1e-9));
  CHECK(rate->form.exponent_tokens == Approx(0.08).epsilon(1e-9));
  const auto& batch = result.given_settings->batch_tokens_nd;
  REQUIRE(batch);
  CHECK(batch->form.coefficient == Approx(0.5).epsilon(1e-9));
  CHECK(batch->form.exponent_params == Approx(0.15).epsilon(1e-9));
  CHECK(batch->form.exponent_tokens == Approx(0.45).epsilon(1e-9));
  CHECK(warns(result,
              "The settings that these 16 runs were given follow peak_lr = 0.5 N^-0.4 "
              "D^0.08 and batch_tokens = 0.5 N^0.15 D^0.45"));
  CHECK(to_json(result).find("\"given_settings\"") != std::string::npos);
}

TEST_CASE("settings that are all the same, absent, or planned give no law") {
  PointSet points = tuned_table();
  for (Point& point : points.points) {
    point.peak_lr = 3e-4;
    point.batch_tokens = std::nullopt;
  }
  CHECK_FALSE(fit_of(points).given_settings);
  points = tuned_table();
  points.points[3].peak_lr = std::nullopt;
  CHECK_FALSE(fit_of(points).given_settings->peak_lr_nd);
  points = tuned_table();
  for (Point& point : points.points) point.other["kind"] = "isoflop";
  CHECK_FALSE(fit_of(points).given_settings);
}
