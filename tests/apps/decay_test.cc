// SPDX-License-Identifier: Apache-2.0
// isoflop forecast decay: what a user sees of the annealing law.
#include <string>
#include <vector>

#include "apps/run_cli.h"
#include "base/json.h"
#include "base/text.h"
#include "support/annealing_oracle.h"
#include "support/catch.h"

using namespace isoflop::test;

namespace {

std::string csv_of(const std::vector<isoflop::RateCurve>& curves) {
  std::string text = "run_id,step,lr,loss\n";
  for (const isoflop::RateCurve& curve : curves) {
    for (std::size_t i = 0; i < curve.loss.size(); ++i) {
      text += curve.run + "," + std::to_string(i + 1) + "," + isoflop::exact_text(curve.lr[i]) +
              "," + isoflop::exact_text(curve.loss[i]) + "\n";
    }
  }
  return text;
}

void expect_bad(const TempDir& dir, std::vector<std::string> arguments,
                const std::vector<std::string>& said) {
  arguments.insert(arguments.begin(), {"forecast", "decay"});
  const CliResult result = run_cli(dir, arguments);
  INFO(result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  for (const std::string& text : said) CHECK_THAT(result.err, contains(text));
}

}  // namespace

TEST_CASE("forecast decay predicts a longer run's loss from a trunk and its branches") {
  const TempDir dir;
  const AnnealingDraw draw = draw_annealing(0, true, 0);
  dir.write("curves.csv", csv_of(draw.curves));
  const CliResult result = run_cli(dir, {"forecast", "decay", "curves.csv", "--schedule",
                                         R"({"kind": "wsd", "decay_shape": "linear"})", "--steps",
                                         "1500,2000", "--json", "--out", "decay.json"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(result.out == read_file(dir.path() / "decay.json"));
  const isoflop::Json json = isoflop::parse_json(result.out, "stdout");
  const isoflop::JsonReader answer(json, "stdout");
  answer.require_schema("isoflop.decay_forecast/1");
  const auto forecasts = answer.at("forecasts").elements(2);
  CHECK(forecasts[1].at("n_steps").integer(2000, 2000) == 2000);
  CHECK(std::abs(forecasts[1].at("loss").at("value").number() / draw.target_loss - 1) < 1e-6);
  CHECK(std::abs(forecasts[1].at("late_loss").at("value").number() / draw.target_late_loss - 1) <
        1e-6);
  CHECK(std::abs(answer.at("parameters").at("C").at("value").number() / draw.truth.c - 1) < 1e-6);
  CHECK(answer.at("lambda").number() == draw.truth.lambda);

  const std::vector<std::string> other = {"forecast", "decay", "curves.csv", "--out", "decay.json"};
  const CliResult refused = run_cli(dir, other);
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, contains("forecasts are not replaced"));
}

TEST_CASE("forecast decay lets the decay begin where the trunk ends, unless a length is named") {
  const TempDir dir;
  const AnnealingDraw draw = draw_annealing(0, true, 0);
  dir.write("curves.csv", csv_of(draw.curves));
  const CliResult wsd = run_cli(dir, {"forecast", "decay", "curves.csv", "--schedule", "wsd"});
  CHECK_THAT(wsd.out, contains("wsd of 1249 steps:"));
  const CliResult cosine =
      run_cli(dir, {"forecast", "decay", "curves.csv", "--schedule", "cosine"});
  CHECK_THAT(cosine.out, contains("cosine of 1000 steps:"));
}

TEST_CASE("forecast decay refuses what it cannot answer, and says what it would need") {
  const TempDir dir;
  const AnnealingDraw draw = draw_annealing(0, true, 0);
  dir.write("curves.csv", csv_of(draw.curves));
  dir.write("trunk.csv", csv_of({draw.curves[0]}));
  expect_bad(dir, {"trunk.csv"},
             {"multi_step of 1250 steps", "add a branch of the run with a decay",
              "--schedule constant needs none"});
  isoflop::RateCurve warmup = draw.curves[0];
  warmup.lr.resize(40);
  warmup.loss.resize(40);
  dir.write("warmup.csv", csv_of({warmup}));
  expect_bad(dir, {"warmup.csv", "--schedule", "constant"},
             {"0 losses behind the warm-up", "needs at least 12", "its warm-up 39 steps"});
  dir.write("nan.csv", "step,lr,loss\n1,0.1,nan\n");
  expect_bad(dir, {"nan.csv"}, {"nan.csv: row 2, column loss", "got \"nan\""});
  dir.write("back.csv", "step,lr,loss\n2,0.1,5\n1,0.1,5\n");
  expect_bad(dir, {"back.csv"}, {"row 3, column step: must be above the run's last, 2, got 1"});
  dir.write("no_lr.csv", "step,loss\n1,5\n");
  expect_bad(dir, {"no_lr.csv"}, {"has no column lr"});
  expect_bad(dir, {"absent.csv"}, {"absent.csv"});
  expect_bad(dir, {}, {"curves"});
  expect_bad(dir, {"curves.csv", "--schedule", "wds"}, {"--schedule", "did you mean wsd?"});
  expect_bad(dir, {"curves.csv", "--schedule", R"({"kind": "wsd", "decay_fraction": 2})"},
             {"--schedule: /decay_fraction"});
  expect_bad(dir, {"curves.csv", "--schedule", "{"}, {"--schedule"});
  expect_bad(dir, {"curves.csv", "--steps", "20"}, {"above the curve's warm-up of 40", "got 20"});
  expect_bad(dir, {"curves.csv", "--steps", "1e9"}, {"at most 20000000"});
  expect_bad(dir, {"curves.csv", "--lambda", "1"}, {"--lambda"});
  expect_bad(dir, {"curves.csv", "--from-step", "0"}, {"--from-step"});
  expect_bad(dir, {"curves.csv", "--from-step", "998"}, {"needs at least 12"});
}
