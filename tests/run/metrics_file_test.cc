// SPDX-License-Identifier: Apache-2.0
#include "run/metrics_file.h"

#include <limits>

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
