// SPDX-License-Identifier: Apache-2.0
#include "run/metrics_file.h"

#include <cmath>
#include <limits>
#include <vector>

#include "base/text.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

StepMetrics step(std::int64_t number) { return {number, 256 * number, 2.5, 0.5, 3, 1}; }

TEST_CASE("metrics are one JSON object per step; what is not finite is left out") {
  const test::TempDir dir;
  const std::filesystem::path file = dir.path() / "metrics.jsonl";
  MetricsFile metrics(file);
  metrics.append(step(1));
  metrics.append({2, 512, std::numeric_limits<double>::quiet_NaN(), 0.5, 3, 1});
  CHECK(test::read_file(file) ==
        R"({"step":1,"tokens":256,"loss_nats":2.5,"grad_norm":0.5,"weight_norm":3,)"
        "\"peak_lr_fraction\":1}\n"
        R"({"step":2,"tokens":512,"grad_norm":0.5,"weight_norm":3,"peak_lr_fraction":1})"
        "\n");
  CHECK(last_step(file) == 2);
}

TEST_CASE("a run that resumes leaves every step in the file once") {
  const test::TempDir dir;
  const std::filesystem::path file = dir.path() / "metrics.jsonl";
  {
    MetricsFile metrics(file);
    for (int i = 1; i <= 9; ++i) metrics.append(step(i));
  }
  const std::string nine = test::read_file(file);
  SECTION("behind its checkpoint") {
    MetricsFile metrics(file);
    for (int i = 6; i <= 9; ++i) metrics.append(step(i));
  }
  SECTION("behind a line that was cut off") {
    std::filesystem::resize_file(file, nine.size() - 10);
    MetricsFile metrics(file);
    metrics.append(step(9));
  }
  SECTION("from the start") {
    MetricsFile metrics(file);
    for (int i = 1; i <= 9; ++i) metrics.append(step(i));
  }
  CHECK(test::read_file(file) == nine);
}

TEST_CASE("the steps of a file read back as they were written, up to what is none of ours") {
  const test::TempDir dir;
  const std::filesystem::path file = dir.path() / "metrics.jsonl";
  const auto steps = [&] {
    std::vector<StepMetrics> found;
    for_each_step(file, [&](const StepMetrics& metrics) { found.push_back(metrics); });
    return found;
  };
  CHECK(steps().empty());
  StepMetrics second = {2, 512, 2.5, 1.0 / 3, std::numeric_limits<double>::infinity(), 0.316};
  second.is_spike = true;
  second.noise_scale_tokens = 1e4 / 7;
  MetricsFile metrics(file);
  metrics.append(step(1));
  metrics.append(second);
  const std::vector<StepMetrics> found = steps();
  REQUIRE(found.size() == 2);
  CHECK(found[0].step == 1);
  CHECK_FALSE(found[0].is_spike);
  CHECK(found[0].noise_scale_tokens == 0);
  CHECK(found[1].tokens == 512);
  CHECK(found[1].loss_nats == 2.5);
  CHECK(found[1].grad_norm == second.grad_norm);
  CHECK(std::isnan(found[1].weight_norm));
  CHECK(found[1].peak_lr_fraction == 0.316);
  CHECK(found[1].is_spike);
  CHECK(found[1].noise_scale_tokens == second.noise_scale_tokens);
  const std::string two = test::read_file(file);
  for (const char* line : {"nonsense\n", "{\"step\":3,\"tokens\":1,\"is_spike\":1}\n", "{\"st"}) {
    dir.write("metrics.jsonl", two + line + two);
    CHECK(steps().size() == 2);
  }
}

TEST_CASE("the last step is that of the last whole line, wherever the file was cut") {
  const test::TempDir dir;
  std::string text;
  for (int i = 1; i <= 40; ++i) {
    text += "{\"step\":" + std::to_string(i) + ",\"tokens\":1}\n";
    CHECK(last_step(dir.write("m", text)) == i);
    CHECK(last_step(dir.write("m", text + "{\"step\":99,\"to")) == i);
  }
  CHECK(last_step(dir.write("m", "")) == 0);
  CHECK(last_step(dir.write("m", "\n")) == 0);
  CHECK(last_step(dir.write("m", "nonsense\n")) == 0);
  CHECK(last_step(dir.path() / "none") == 0);
}

}  // namespace
}  // namespace isoflop
