// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "isoflop/import.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/event_bytes.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using namespace test;

Bytes good_file() {
  return record(key(1, 1) + fixed(99.0) + nested(3, "brain.Event:2")) +
         event(100, 1, simple_value("eval/loss", 5.5f) + tensor_value("tokens", 1024)) +
         event(101.5, 300, simple_value("eval/loss", 3.25f)) +
         event(102, 300, tensor_value("tokens", 307200));
}

ImportOptions tensorboard() {
  ImportOptions options;
  options.format = ImportFormat::tensorboard;
  options.columns = {{"loss", "eval/loss"}};
  options.constants = {{"params", "1000000"}};
  return options;
}

Point imported(const test::TempDir& dir, const Bytes& bytes) {
  const auto out = dir.path() / "points.csv";
  import_points(dir.write("run/events.out.tfevents.1", bytes), out, tensorboard());
  return load_points_csv(out).points.at(0);
}

}  // namespace

TEST_CASE("the checksum of the test is CRC-32C by its check value") {
  CHECK(crc32c("123456789") == 0xE3069283u);
}

TEST_CASE("an event file gives the last value of every tag, simple or a tensor") {
  const test::TempDir dir;
  const Point point = imported(dir, good_file());
  CHECK(point.loss == 3.25);
  CHECK(point.tokens == 307200);
  CHECK(point.params == 1e6);
  CHECK(point.other.at("step") == "300");
  CHECK(point.other.at("wall_time") == "102");
  const Point content =
      imported(dir, event(1, 2, tensor_content("eval/loss", 2.5f) + tensor_content("tokens", 64)));
  CHECK(content.loss == 2.5);
  CHECK(content.tokens == 64);
}

TEST_CASE("an event file torn anywhere in its last record ends before it") {
  const test::TempDir dir;
  const Bytes last = event(103, 400, simple_value("eval/loss", 3.0f));
  CHECK(imported(dir, good_file() + last).loss == 3.0);
  for (std::size_t n = 0; n < last.size(); n += 7) {
    const Point point = imported(dir, good_file() + last.substr(0, n));
    CHECK(point.loss == 3.25);
    CHECK(point.other.at("step") == "300");
  }
}

TEST_CASE("a flipped bit of a record is refused with the record's number") {
  const test::TempDir dir;
  const auto message = [&](std::size_t at) {
    Bytes bytes = good_file();
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return ISOFLOP_ERROR_MESSAGE(imported(dir, bytes));
  };
  CHECK_THAT(message(0), contains("record 1: is no event file"));
  CHECK_THAT(message(14), contains("tfevents.1: record 1: its data fail their CRC"));
  CHECK_THAT(message(good_file().size() - 6), contains("record 4: its data fail their CRC"));
}

TEST_CASE("a folder of runs gives a row each, whatever order their files come in") {
  const test::TempDir dir;
  dir.write("runs/a/events.tfevents.1", good_file());
  dir.write("runs/b/events.tfevents.1",
            event(1, 7, simple_value("eval/loss", 4.0f) + simple_value("tokens", 512)));
  const auto out = dir.path() / "points.csv";
  import_points(dir.path() / "runs", out, tensorboard());
  const PointSet set = load_points_csv(out);
  REQUIRE(set.points.size() == 2);
  CHECK(set.points[0].loss == 3.25);
  CHECK(set.points[1].loss == 4.0);
  CHECK(set.points[1].tokens == 512);
}

}  // namespace isoflop
