// SPDX-License-Identifier: Apache-2.0
#include "fit/points/curves.h"

#include "fit/points/settings.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

struct PointSpec {
  double m = 1e5, tokens = 1e6, loss = 2;
  std::optional<double> budget = {}, batch = {}, lr = {};
  std::optional<std::int64_t> seed = {};
};

PointSet set_of(const std::vector<PointSpec>& specs) {
  PointSet set;
  set.frame = {.dataset = "dictionary", .tokenizer = "bytes"};
  for (const PointSpec& spec : specs) {
    Point point;
    point.flops_per_token = spec.m;
    point.tokens = spec.tokens;
    point.loss = spec.loss;
    point.budget = spec.budget;
    point.batch_tokens = spec.batch;
    point.peak_lr = spec.lr;
    point.seed = spec.seed;
    set.points.push_back(point);
  }
  return set;
}

constexpr auto kFlops = LossLaw::Scale::flops_per_token;
constexpr auto kParams = LossLaw::Scale::params;

}  // namespace

TEST_CASE("points are grouped by their nominal budget, ascending in budget and scale") {
  PointSpec a{.m = 3e5, .tokens = 1e7, .budget = 3e12};
  PointSpec b{.m = 1e5, .tokens = 1e7, .budget = 1e12};
  PointSpec c{.m = 1e5, .tokens = 3e7, .budget = 3e12};
  const auto groups = group_by_budget(set_of({a, b, c}), kFlops);
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].budget == 1e12);
  CHECK(groups[1].samples[0].scale == 1e5);
  CHECK(groups[1].samples[1].scale == 3e5);
  CHECK(groups[1].samples[1].group == 1);
  CHECK(groups[1].compute == Approx(3e12));
}

TEST_CASE("without budgets, computes within 5 % of a centre are one") {
  std::vector<PointSpec> specs;
  for (const double factor : {0.96, 1.0, 1.04, 2.0, 2.2}) {
    specs.push_back({.m = 1e5 * factor, .tokens = 1e7});
  }
  const auto groups = group_by_budget(set_of(specs), kFlops);
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].samples.size() == 3);
  // Computes without a gap do not chain into one budget.
  specs.clear();
  for (int i = 0; i < 20; ++i) specs.push_back({.m = 1e5 * (1 + 0.02 * i), .tokens = 1e7});
  CHECK(group_by_budget(set_of(specs), kFlops).size() > 2);
}

TEST_CASE("runs that differ in the seed alone are averaged; others stay apart") {
  const auto groups = group_by_budget(
      set_of({{.loss = 2.0, .seed = 0}, {.loss = 2.2, .seed = 1}, {.loss = 2.4, .seed = 2}}),
      kFlops);
  REQUIRE(groups[0].samples.size() == 1);
  CHECK(groups[0].samples[0].metric == Approx(2.2));
  CHECK(groups[0].samples[0].n_seeds == 3);
  CHECK(group_by_budget(set_of({{.loss = 2.0}, {.loss = 2.2}}), kFlops)[0].samples.size() == 2);
}

TEST_CASE("the metric is the frame's, and must be there") {
  PointSet set = set_of({{}});
  set.points[0].label = "row 17";
  set.frame.metric = Metric::bits_per_byte;
  CHECK(ISOFLOP_ERROR_MESSAGE(group_by_budget(set, kFlops)) == "row 17: has no bits_per_byte");
  set.points[0].bits_per_byte = 1.5;
  CHECK(group_by_budget(set, kFlops)[0].samples[0].metric == 1.5);
}

TEST_CASE("sizes convert by M = 6 N where no point has the one asked for") {
  const PointSet set = set_of({{.m = 6e5}, {.m = 12e5}});
  const auto groups = group_by_budget(set, kParams);
  CHECK(groups[0].samples[0].scale == Approx(1e5));
  PointSet mixed = set;
  mixed.points[0].params = 1e5;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(group_by_budget(mixed, kParams)),
             contains("has no params, which point ") && contains("--scale flops_per_token"));
}

TEST_CASE("values that no run can have are refused by point and column") {
  PointSet set = set_of({{}, {.tokens = -1}});
  CHECK(ISOFLOP_ERROR_MESSAGE(group_by_budget(set, kFlops)) ==
        "point 2: tokens must be finite and > 0, got -1");
}

TEST_CASE("two data sets are not mixed") {
  PointSet set = set_of({{}, {}});
  set.points[1].dataset = "manual";
  try {
    (void)group_by_budget(set, kFlops);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::frame_mismatch);
  }
}

TEST_CASE("of a scale run on a grid, the curve takes the setting its other sizes have") {
  const auto groups = group_by_budget(
      set_of({{.m = 1e5, .loss = 2.5, .batch = 1024, .lr = 0.004},
              {.m = 2e5, .tokens = 5e5, .loss = 2.3, .batch = 1024, .lr = 0.008},
              {.m = 2e5, .tokens = 5e5, .loss = 2.4, .batch = 1024, .lr = 0.004},
              {.m = 2e5, .tokens = 5e5, .loss = 2.6, .batch = 512, .lr = 0.004},
              {.m = 4e5, .tokens = 2.5e5, .loss = 2.7, .batch = 1024, .lr = 0.004}}),
      kFlops);
  const BudgetGroup curve = one_per_scale(groups[0]);
  REQUIRE(curve.samples.size() == 3);
  CHECK(curve.samples[1].metric == 2.4);
  CHECK(surface_samples(groups).size() == 3);
}

TEST_CASE("where every scale has a grid, the curve takes the best of each") {
  std::vector<PointSpec> specs;
  for (const double m : {1e5, 2e5}) {
    for (const double lr : {0.001, 0.002, 0.004}) {
      specs.push_back({.m = m, .tokens = 1e11 / m, .loss = 2 + lr, .batch = 1024, .lr = lr});
    }
  }
  const BudgetGroup curve = one_per_scale(group_by_budget(set_of(specs), kFlops)[0]);
  REQUIRE(curve.samples.size() == 2);
  CHECK(curve.samples[0].metric == 2.001);
}

TEST_CASE("a surface keeps runs that do not differ in hyper-parameters") {
  const auto groups = group_by_budget(set_of({{.loss = 2.0}, {.loss = 2.1}}), kFlops);
  CHECK(surface_samples(groups).size() == 2);
}

TEST_CASE("a grid cell has three learning rates or batch sizes of one model") {
  std::vector<PointSpec> specs;
  for (const double lr : {0.001, 0.002, 0.004}) specs.push_back({.batch = 1024, .lr = lr});
  specs.push_back({.m = 2e5, .tokens = 5e5, .batch = 1024, .lr = 0.001});
  specs.push_back({.m = 2e5, .tokens = 5e5, .batch = 1024, .lr = 0.002});
  const auto groups = group_by_budget(set_of(specs), kFlops);
  const auto cells = grid_cells(groups);
  REQUIRE(cells.size() == 1);
  CHECK(cells[0].samples.size() == 3);
  CHECK(cells[0].compute == Approx(1e11));
}

TEST_CASE("flops_factor is C / (scale tokens)") {
  const auto groups = group_by_budget(set_of({{.m = 6e5}}), kParams);
  CHECK(flops_factor(groups[0].samples) == Approx(6));
}
