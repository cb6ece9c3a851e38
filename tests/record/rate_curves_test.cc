// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "isoflop/error.h"
#include "isoflop/run_record.h"
#include "isoflop/training_curve.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/tiny_spec.h"

namespace isoflop::test {
namespace {

std::string refusal(const std::vector<std::filesystem::path>& files) {
  try {
    (void)load_rate_curves(files);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string metrics_line(int step, const std::string& rest) {
  return "{\"step\": " + std::to_string(step) + ", \"tokens\": 1, " + rest + "}\n";
}

}  // namespace

TEST_CASE("a CSV's rates between logged steps are a straight line, and before them the warm-up") {
  const TempDir dir;
  const RateCurveSet set = load_rate_curves(
      {dir.write("a.csv", "step,lr,loss,other\n2,0.2,5,x\n4,0.4,,x\n5,0.3,4,x\n")});
  REQUIRE(set.curves.size() == 1);
  CHECK(!set.lr_is_fraction);
  CHECK(set.metric == Metric::loss_nats);
  const RateCurve& curve = set.curves[0];
  CHECK(curve.run == "a");
  REQUIRE(curve.lr.size() == 5);
  const double lr[] = {0.1, 0.2, 0.3, 0.4, 0.3};
  for (std::size_t i = 0; i < 5; ++i) CHECK(std::abs(curve.lr[i] - lr[i]) < 1e-15);
  CHECK(curve.steps == std::vector<std::int64_t>{2, 5});
  CHECK(curve.loss == std::vector<double>{5, 4});
}

TEST_CASE("a CSV may hold several runs, in bits per byte and by fractions of the peak") {
  const TempDir dir;
  const RateCurveSet set =
      load_rate_curves({dir.write("a.csv",
                                  "run_id,step,peak_lr_fraction,bits_per_byte\n"
                                  "x,1,1,2\ny,1,1,3\nx,2,0.5,1\n")});
  CHECK(set.lr_is_fraction);
  CHECK(set.metric == Metric::bits_per_byte);
  REQUIRE(set.curves.size() == 2);
  CHECK(set.curves[0].loss == std::vector<double>{2, 1});
  CHECK(set.curves[1].run == "y");
}

TEST_CASE("a run folder has absolute rates, without spikes and what a torn line says") {
  const TempDir dir;
  const std::filesystem::path run = dir.path() / "run";
  std::filesystem::create_directories(run);
  dir.write("run/metrics.jsonl",
            metrics_line(1, "\"loss_nats\": 5, \"peak_lr_fraction\": 0.5") +
                metrics_line(2, "\"loss_nats\": 9, \"peak_lr_fraction\": 1, \"is_spike\": true") +
                metrics_line(3, "\"peak_lr_fraction\": 1") + "{\"step\": 4, \"lo");
  CHECK(load_rate_curves({run}).lr_is_fraction);
  save_run_spec(tiny_spec(), run / "spec.json");
  for (const std::filesystem::path& file : {run, run / "metrics.jsonl"}) {
    const RateCurveSet set = load_rate_curves({file});
    CHECK(!set.lr_is_fraction);
    CHECK(set.curves[0].run == "run");
    CHECK(set.curves[0].lr == std::vector<double>{0.002, 0.004, 0.004});
    CHECK(set.curves[0].steps == std::vector<std::int64_t>{1});
  }
}

TEST_CASE("rate curves that cannot be used are refused by file, row, value and what is allowed") {
  const TempDir dir;
  const auto csv = [&](const std::string& text) { return refusal({dir.write("a.csv", text)}); };
  CHECK_THAT(csv(""), contains("is empty, expected a header row with step"));
  CHECK_THAT(csv("step,lr,loss\n"), contains("a.csv: has no rows"));
  CHECK_THAT(csv("step,loss\n1,2\n"),
             contains("row 1: has no column lr or learning_rate or peak_lr_fraction"));
  CHECK_THAT(csv("step,lr\n1,2\n"), contains("has no column bits_per_byte or loss"));
  CHECK_THAT(csv("step,lr,loss\n1,0.1,nan\n"),
             contains("row 2, column loss: must be a number > 0 and at most 1e6, or empty, got "
                      "\"nan\""));
  CHECK_THAT(csv("step,lr,loss\n1,0.1,5\n2,,4\n"),
             contains("row 3, column lr: must be a learning"));
  CHECK_THAT(csv("step,lr,loss\n1,-0.1,5\n"), contains("got \"-0.1\""));
  CHECK_THAT(csv("step,lr,loss\n5,0.1,5\n5,0.1,4\n"),
             contains("row 3, column step: must be above the run's last, 5, got 5"));
  CHECK_THAT(csv("step,lr,loss\n1.5,0.1,5\n"), contains("must be a whole number"));
  CHECK_THAT(csv("step,lr,loss\n1e12,0.1,5\n"), contains("from 1 to 20000000"));
  CHECK_THAT(csv("step,lr,loss\n1,0.1\n"), contains("has 2 fields, the header has 3"));
  CHECK_THAT(csv("run_id,step,lr,loss\n,1,0.1,5\n"), contains("column run_id: is empty"));
  CHECK_THAT(refusal({dir.path()}), contains("has no metrics.jsonl"));
  const auto lines = [&](const std::string& text) { return refusal({dir.write("m.jsonl", text)}); };
  CHECK_THAT(lines(metrics_line(1, "\"loss_nats\": 5")),
             contains("line 1: /peak_lr_fraction: is missing"));
  const std::string good = metrics_line(3, "\"loss_nats\": 5, \"peak_lr_fraction\": 1");
  CHECK_THAT(lines(good + good), contains("line 2: /step: must be above the last, 3, got 3"));
  CHECK_THAT(lines(good + "nonsense\n" + good), contains("line 2"));
  CHECK_THAT(lines(metrics_line(3, "\"loss_nats\": -5, \"peak_lr_fraction\": 1")),
             contains("line 1: /loss_nats"));
  CHECK_THAT(lines(""), contains("has no steps"));
  const auto absolute = dir.write("b.csv", "step,lr,loss\n1,0.1,5\n");
  const auto fraction = dir.write("c.csv", "step,peak_lr_fraction,loss\n1,0.1,5\n");
  const auto bits = dir.write("d.csv", "step,lr,bits_per_byte\n1,0.1,5\n");
  CHECK_THAT(refusal({absolute, fraction}), contains("learning rates are fractions of a peak"));
  CHECK_THAT(refusal({absolute, bits}), contains("is in bits_per_byte"));
}

}  // namespace isoflop::test
