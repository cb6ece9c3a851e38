// SPDX-License-Identifier: Apache-2.0
#include "run/trunk_metrics.h"

#include "run/metrics_file.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

std::string lines(std::int64_t from, std::int64_t to) {
  std::string text;
  for (std::int64_t step = from; step <= to; ++step) {
    text += "{\"step\":" + std::to_string(step) + "}\n";
  }
  return text;
}

TEST_CASE("a run leaves its curve up to its branch and the next begins with it") {
  const test::TempDir dir;
  const std::filesystem::path trunk = dir.path() / "trunks/t", file = trunk / "metrics.jsonl";
  const auto first = dir.write("first/metrics.jsonl", lines(1, 9));
  TrunkMetrics(trunk, first, 8).keep(7);
  CHECK_FALSE(std::filesystem::exists(file));
  TrunkMetrics(trunk, first, 8).keep(8);
  CHECK(test::read_file(file) == lines(1, 8));

  const auto second = dir.path() / "second/metrics.jsonl";
  std::filesystem::create_directories(second.parent_path());
  TrunkMetrics(trunk, second, 16).complete(1);  // it begins at the beginning
  CHECK_FALSE(std::filesystem::exists(second));
  TrunkMetrics(trunk, second, 16).complete(9);
  CHECK(test::read_file(second) == lines(1, 8));
  dir.write("second/metrics.jsonl", lines(1, 20));
  TrunkMetrics(trunk, second, 16).keep(16);
  CHECK(test::read_file(file) == lines(1, 16));
  // A shorter run that comes later takes nothing away.
  TrunkMetrics(trunk, first, 8).keep(8);
  CHECK(test::read_file(file) == lines(1, 16));
}

TEST_CASE("a run's own lines are kept, and a torn end of them is made good") {
  const test::TempDir dir;
  dir.write("t/metrics.jsonl", lines(1, 8));
  const auto file = dir.write("run/metrics.jsonl", lines(1, 12));
  TrunkMetrics(dir.path() / "t", file, 16).complete(9);
  CHECK(test::read_file(file) == lines(1, 12));
  dir.write("run/metrics.jsonl", lines(1, 4) + "{\"st");
  TrunkMetrics(dir.path() / "t", file, 16).complete(9);
  CHECK(test::read_file(file) == lines(1, 8));
}

TEST_CASE("a curve that lacks its beginning is not passed on as one") {
  const test::TempDir dir;
  const auto file = dir.write("run/metrics.jsonl", lines(5, 8));
  TrunkMetrics(dir.path() / "t", file, 8).keep(8);
  CHECK_FALSE(std::filesystem::exists(dir.path() / "t/metrics.jsonl"));
  dir.write("t/metrics.jsonl", lines(1, 3));
  std::filesystem::remove(file);
  TrunkMetrics(dir.path() / "t", file, 8).complete(6);
  CHECK_FALSE(std::filesystem::exists(file));
  TrunkMetrics({}, file, 8).complete(6);
  TrunkMetrics({}, file, 8).keep(8);
  CHECK_FALSE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace isoflop
