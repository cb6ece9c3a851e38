// SPDX-License-Identifier: Apache-2.0
#include "isoflop/point_recipe.h"

#include "support/catch.h"

using namespace isoflop;

namespace {

PointSet two_points(const std::string& column, const std::string& a, const std::string& b) {
  PointSet set;
  set.points.resize(2);
  set.points[0].other = {{column, a}, {"adam_beta2", "0.99"}};
  set.points[1].other = {{column, b}, {"adam_beta2", "0.99"}};
  return set;
}

}  // namespace

TEST_CASE("points state the recipe that all of them name") {
  CHECK(stated_recipe(two_points("weight_decay", "0.02", "0.02")).weight_decay == 0.02);
  CHECK(stated_recipe(two_points("weight_decay", "0.02", "0.02")).adam_beta2 == 0.99);
  CHECK_FALSE(stated_recipe(two_points("weight_decay", "0.02", "0.1")).weight_decay);
  CHECK_FALSE(stated_recipe(two_points("weight_decay", "0.02", "")).weight_decay);
  CHECK(stated_recipe(two_points("schedule", "cosine", "cosine")).schedule->kind ==
        ScheduleKind::cosine);
  CHECK(stated_recipe({}).empty());
}

TEST_CASE("a column of another kind is not taken for ours") {
  CHECK_FALSE(stated_recipe(two_points("schedule", "WarmupLinear", "WarmupLinear")).schedule);
  CHECK_FALSE(stated_recipe(two_points("weight_decay", "-1", "-1")).weight_decay);
  CHECK_FALSE(stated_recipe(two_points("weight_decay", "nan", "nan")).weight_decay);
}
