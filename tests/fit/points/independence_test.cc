// SPDX-License-Identifier: Apache-2.0
#include "fit/points/independence.h"

#include "isoflop/point.h"
#include "support/catch.h"

using isoflop::independent_points;
using isoflop::Point;
using isoflop::PointSet;

namespace {

Point point(const std::string& label, double params, double tokens, double loss) {
  Point result;
  result.label = label;
  result.params = params;
  result.tokens = tokens;
  result.loss = loss;
  return result;
}

}  // namespace

TEST_CASE("rows that say the same are counted once and named") {
  PointSet set;
  set.points = {point("row 2", 1e7, 1e9, 3.5), point("row 3", 1e7, 2e9, 3.4),
                point("row 4", 1e7, 1e9, 3.5), point("row 2", 1e7, 2e9, 3.4)};
  const auto found = independent_points(set);
  CHECK(found.points.points.size() == 2);
  CHECK(found.duplicates == std::vector<std::string>{"row 4", "row 2"});
  CHECK(found.repeated_runs.empty());
  CHECK(found.points.points[0].trunk.empty());
}

TEST_CASE("what a row states beside its loss tells it from another") {
  PointSet set;
  set.points = {point("row 2", 1e7, 1e9, 3.5), point("row 3", 1e7, 1e9, 3.5),
                point("row 4", 1e7, 1e9, 3.5)};
  set.points[1].seed = 2;
  set.points[2].other["optimizer"] = "muon";
  CHECK(independent_points(set).duplicates.empty());
  set.points = {point("run-a", 1e7, 1e9, 3.5), point("run-b", 1e7, 1e9, 3.5)};
  CHECK(independent_points(set).duplicates.empty());
}

TEST_CASE("a repeated run_id is one run, a trunk that is stated stays") {
  PointSet set;
  set.points = {point("r0", 1e7, 1e9, 3.5), point("r0", 1e7, 2e9, 3.4), point("r1", 2e7, 1e9, 3.3),
                point("r2", 4e7, 1e9, 3.2), point("r2", 4e7, 2e9, 3.1)};
  set.points[3].trunk = set.points[4].trunk = "t2";
  const auto found = independent_points(set);
  CHECK(found.repeated_runs == std::vector<std::string>{"r0"});
  CHECK(found.points.points[0].trunk == "r0");
  CHECK(found.points.points[1].trunk == "r0");
  CHECK(found.points.points[2].trunk.empty());
  CHECK(found.points.points[3].trunk == "t2");
}

TEST_CASE("runs of different sizes that share a name are no one run") {
  PointSet set;
  set.points = {point("sweep", 1e7, 1e9, 3.5), point("sweep", 2e7, 1e9, 3.3)};
  CHECK(independent_points(set).repeated_runs.empty());
}

TEST_CASE("runs of several seeds that share a name are no one run") {
  PointSet set;
  set.points = {point("r0", 1e7, 1e9, 3.5), point("r0", 1e7, 1e9, 3.51),
                point("r0", 1e7, 2e9, 3.4)};
  set.points[0].seed = 0;
  set.points[1].seed = 1;
  set.points[2].seed = 1;
  const auto found = independent_points(set);
  CHECK(found.points.points[0].trunk.empty());
  CHECK(found.points.points[1].trunk == "r0");
  CHECK(found.repeated_runs == std::vector<std::string>{"r0"});
}
