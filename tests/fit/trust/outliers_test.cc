// SPDX-License-Identifier: Apache-2.0
#include "fit/trust/outliers.h"

#include "isoflop/fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

PointSet sweep(double noise) {
  const test::SweepOracle oracle{.surface = test::epoch_surface(),
                                 .budgets = test::geometric_budgets(1e18, std::sqrt(10.0), 6),
                                 .noise = noise};
  return oracle.points();
}

Fit fitted(const PointSet& points) {
  return fit(points, {.scale = LossLaw::Scale::params, .n_bootstrap = 0});
}

}  // namespace

TEST_CASE("losses that were typed wrong are named, the farthest first, with what they change") {
  PointSet points = sweep(0.002);
  const double clean = fitted(points).parametric->a_exponent;
  for (const auto& [i, factor] : {std::pair(1, 1.1), std::pair(2, 1.3), std::pair(20, 0.95)}) {
    points.points[static_cast<std::size_t>(i)].loss.value() *= factor;
    points.points[static_cast<std::size_t>(i)].label = "row " + std::to_string(i);
  }
  const Fit result = fitted(points);
  REQUIRE(result.outliers);
  REQUIRE(result.outliers->runs.size() >= 3);
  CHECK(result.outliers->runs[0].label == "row 2");
  CHECK(result.outliers->runs[1].label == "row 1");
  CHECK(result.outliers->runs[2].label == "row 20");
  CHECK(result.outliers->runs[2].residual < 0);
  CHECK(result.outliers->a_without.value() == Approx(clean).margin(0.01));
  const auto& warnings = result.warnings;
  CHECK(std::any_of(warnings.begin(), warnings.end(), [](const std::string& warning) {
    return warning.find("farther from the surface than the number of runs explains: row 2 (") !=
           warning.npos;
  }));
  CHECK_THAT(to_json(result), contains("\"outliers\""));
}

TEST_CASE("noise alone, and exact losses, have no outliers") {
  CHECK_FALSE(fitted(sweep(0.002)).outliers);
  CHECK_FALSE(fitted(sweep(0)).outliers);
}
