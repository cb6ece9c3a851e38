// SPDX-License-Identifier: Apache-2.0
#include "isoflop/evidence.h"

#include <cmath>

#include "isoflop/law.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;

namespace {

Evidence evidence() {
  return {.holdout = HoldoutEvidence{2, 4.5, 0.5, 0.004, true},
          .intervals = {{.ratio = 1, .size = Interval{0.5, 2}, .loss = Interval{0.99, 1.01}},
                        {.ratio = 10, .size = Interval{0.25, 4}},
                        {.ratio = 100, .size = Interval{0.125, 16}}}};
}

std::string complaint(const std::string& text) {
  const test::TempDir folder;
  const auto file = folder.write(
      "law.json",
      R"({"schema": "isoflop.law/1", "id": "x", "source": "s", "evidence": )" + text +
          R"(, "frame": {"dataset": "d", "metric": "loss_nats", "convention": "exact"}})");
  return ISOFLOP_ERROR_MESSAGE(load_law(file));
}

}  // namespace

TEST_CASE("between two budgets the ends of an interval lie on straight lines of logarithms") {
  const LawIntervals middle = intervals_at(evidence(), std::sqrt(10.0));
  CHECK(middle.size->low == Approx(std::sqrt(0.5 * 0.25)));
  CHECK(middle.size->high == Approx(std::sqrt(2 * 4.0)));
  CHECK_FALSE(middle.loss);  // nobody said it at 10
  CHECK(intervals_at(evidence(), 10).size->high == Approx(4));
  CHECK(intervals_at(evidence(), 1000).size->high == Approx(64));  // on from 4, 16
  // Widths that shrink do not go on to cross.
  const Evidence shrinking{.holdout = std::nullopt,
                           .intervals = {{.ratio = 1, .size = Interval{0.1, 10}},
                                         {.ratio = 10, .size = Interval{0.9, 1.1}}}};
  const LawIntervals far = intervals_at(shrinking, 1e6);
  CHECK(far.size->low == Approx(0.9));
  CHECK(far.size->high == Approx(1.1));
  CHECK(intervals_at(evidence(), 0.1).size->low == 0.5);
  CHECK(intervals_at(evidence(), 1).loss->low == 0.99);
  CHECK_FALSE(intervals_at({}, 10).size);
}

TEST_CASE("a light without good hold-outs is one worse beyond the budgets, and only there") {
  using Light = ExtrapolationLight;
  CHECK(extrapolation_light(1, false) == Light::ok);
  CHECK(extrapolation_light(2, false) == Light::caution);
  CHECK(extrapolation_light(2, true) == Light::ok);
  CHECK(extrapolation_light(20, false) == Light::only_with_holdout_evidence);
  CHECK(extrapolation_light(2000, false) == Light::only_with_holdout_evidence);
  CHECK(color_of(Light::caution) == "yellow");
}

TEST_CASE("a law keeps its evidence, and one without is what it was") {
  const test::TempDir folder;
  Law law;
  law.id = "x";
  law.source = "s";
  law.frame.dataset = "d";
  CHECK(to_json(law).find("evidence") == std::string::npos);
  law.evidence = evidence();
  save_law(law, folder.path() / "x.json");
  const Law back = load_law(folder.path() / "x.json");
  REQUIRE(back.evidence);
  CHECK(to_json(back) == to_json(law));
  CHECK(back.evidence->holdout->size_per_decade == 0.5);
  CHECK_FALSE(back.evidence->has_good_holdout());
  CHECK(back.evidence->intervals[2].size->high == 16);
}

TEST_CASE("evidence outside its domain is refused with its place") {
  CHECK_THAT(complaint(R"({"intervals": [{"ratio": 1, "size": [1.5, 2]}]})"),
             contains("/evidence/intervals/0/size: must be a low end of at most the median 1") &&
                 contains("got [1.5, 2]"));
  CHECK_THAT(complaint(R"({"intervals": [{"ratio": 10}, {"ratio": 1}]})"),
             contains("/evidence/intervals/1/ratio: must be above the one before, got 1"));
  CHECK_THAT(complaint(R"({"interval": []})"), contains("/evidence/interval: unknown key"));
  CHECK_THAT(complaint(R"({"holdout": {"n_scores": 0}, "intervals": []})"),
             contains("/evidence/holdout/n_scores: must be an integer from 1"));
}
