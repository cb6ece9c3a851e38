// SPDX-License-Identifier: Apache-2.0
#include "fit/points/mixtures.h"

#include "isoflop/error.h"
#include "isoflop/fit.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"
#include "support/temp_dir.h"

using namespace isoflop;

namespace {

PointSet sweep() {
  test::SweepOracle oracle;
  oracle.surface = test::epoch_surface();
  oracle.budgets = test::geometric_budgets(1e18, 3, 4);
  oracle.noise = 0.002;
  return oracle.points();
}

std::string complaint_of(const PointSet& points, const std::vector<std::string>& forms) {
  try {
    require_one_kind(points, forms);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::frame_mismatch);
    return error.what();
  }
  return "";
}

std::string fault_in(const std::string& csv) {
  const test::TempDir dir;
  dir.write("p.csv", csv);
  try {
    (void)load_points_csv(dir.path() / "p.csv");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("dense points and mixtures of experts are not fitted together unasked") {
  PointSet points = sweep();
  CHECK(complaint_of(points, {}).empty());
  points.points[5].other["n_experts"] = "8";
  points.points[5].label = "row 7";
  points.points[0].label = "row 2";
  const std::string complaint = complaint_of(points, {"skaling"});
  for (const char* part : {"row 7", "n_experts 8", "row 2", "--where n_experts=8"}) {
    CHECK_THAT(complaint, Catch::Contains(part));
  }
  CHECK(complaint_of(points, {"moe_experts"}).empty());
  for (const char* cell : {"lots", "0", "-8", "inf"}) {
    points.points[5].other["n_experts"] = cell;
    CHECK_THROWS_WITH(require_one_kind(points, {}), Catch::Contains("row 7: n_experts") &&
                                                        Catch::Contains(std::string("\"") + cell));
  }
  points.points[5].other["n_experts"] = "8";
  CHECK_THROWS_AS(fit(points, {}), Error);
}

TEST_CASE("dense points that a form of mixtures lets in beside them are told of") {
  PointSet points = sweep();
  for (std::size_t i = 0; i < points.points.size(); i += 2) {
    points.points[i].other["n_experts"] = "8";
  }
  std::vector<std::string> warnings;
  warn_of_mixtures(points, warnings);
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), Catch::Contains("from 1 to 8"));
  warnings.clear();
  warn_of_mixtures(sweep(), warnings);
  CHECK(warnings.empty());
}

TEST_CASE("more parameters in all than active ones are a mixture as well") {
  Point point;
  point.params = 1e9;
  CHECK_FALSE(is_mixture(point));
  point.other["total_params"] = "1000000000";
  CHECK_FALSE(is_mixture(point));
  point.other["total_params"] = "8e9";
  CHECK(is_mixture(point));
}

TEST_CASE("several numbers of experts in one fit are told of") {
  PointSet points = sweep();
  for (std::size_t i = 0; i < points.points.size(); ++i) {
    points.points[i].other["n_experts"] = i % 2 == 0 ? "8" : "64";
  }
  std::vector<std::string> warnings;
  warn_of_mixtures(points, warnings);
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), Catch::Contains("from 8 to 64"));
}

TEST_CASE("N of a mixture of experts is in active_params, or equal to it") {
  const test::TempDir dir;
  dir.write("p.csv", "active_params,total_params,tokens,loss\n1e9,8e9,2e10,3\n");
  CHECK(load_points_csv(dir.path() / "p.csv").points.front().params == 1e9);
  const std::string both = "params,active_params,tokens,loss\n";
  CHECK(fault_in(both + "1e9,1e9,2e10,3\n").empty());
  const std::string fault = fault_in(both + "8e9,1e9,2e10,3\n");
  for (const char* part : {"row 2", "active_params", "1e9", "8e+09"}) {
    CHECK_THAT(fault, Catch::Contains(part));
  }
  CHECK_THAT(fault_in(both + "8e9,lots,2e10,3\n"), Catch::Contains("lots"));
}
