// SPDX-License-Identifier: Apache-2.0
// What becomes of a run whose training was killed and went on, and of folders of many runs.
#include <filesystem>
#include <map>

#include "isoflop/import.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/event_bytes.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using test::Bytes;
using test::event;
using test::session_start;
using test::simple_value;

Bytes both(double wall_time, std::uint64_t step, float loss, float tokens) {
  return event(wall_time, step, simple_value("loss", loss) + simple_value("tokens", tokens));
}

ImportOptions scalars() {
  ImportOptions options;
  options.format = ImportFormat::tensorboard;
  options.constants = {{"params", "1000000"}};
  return options;
}

std::vector<Point> imported(const test::TempDir& dir, const std::filesystem::path& what) {
  const auto out = dir.path() / "points.csv";
  import_points(what, out, scalars());
  return load_points_csv(out).points;
}

Point only(const std::vector<Point>& points) {
  REQUIRE(points.size() == 1);
  return points.front();
}

/// Steps 10, 20, 30; the run dies, and its checkpoint is of step 10.
Bytes first_life() {
  return both(2, 10, 4, 10000) + both(3, 20, 3.5, 20000) + both(4, 30, 3.25, 30000);
}
Bytes second_life() { return both(11, 20, 3.75, 20000); }

TEST_CASE("what a run logged before it was killed and went on from an earlier step is void") {
  const test::TempDir dir;
  SECTION("its writer says that it starts, in a file of its own") {
    dir.write("run/events.out.tfevents.1.h.1.0", first_life());
    dir.write("run/events.out.tfevents.9.h.2.0", session_start(10, 20) + second_life());
  }
  SECTION("its writer does not say so") {
    dir.write("run/events.out.tfevents.1.h.1.0", first_life());
    dir.write("run/events.out.tfevents.9.h.2.0", second_life());
  }
  SECTION("all within one file") {
    dir.write("run/events.out.tfevents.1.h.1.0", first_life() + second_life());
  }
  SECTION("the file names do not sort as their times do") {
    dir.write("run/events.out.tfevents.9.h.1.0", first_life());
    dir.write("run/events.out.tfevents.10.h.2.0", second_life());
  }
  const Point point = only(imported(dir, dir.path() / "run"));
  CHECK(point.tokens == 20000);
  CHECK(point.loss == 3.75);
  CHECK(point.other.at("step") == "20");
  CHECK(point.other.at("wall_time") == "11");
}

TEST_CASE("a scalar that was not logged again has its value before the restart") {
  const test::TempDir dir;
  dir.write("run/tfevents.1",
            first_life() + session_start(10, 20) + event(11, 20, simple_value("tokens", 20000)));
  const Point point = only(imported(dir, dir.path() / "run"));
  CHECK(point.loss == 4);
  CHECK(point.tokens == 10000);  // as they were when the loss was
}

TEST_CASE("a point is of the step of the last loss, whatever was logged later") {
  const test::TempDir dir;
  dir.write("run/tfevents.1", both(1, 10, 4, 10000) + both(2, 20, 3.5, 20000) +
                                  event(3, 25, simple_value("tokens", 25000)) +
                                  event(4, 26, simple_value("gpu", 7)));
  const Point point = only(imported(dir, dir.path() / "run"));
  CHECK(point.loss == 3.5);
  CHECK(point.tokens == 20000);
  CHECK(point.other.at("step") == "20");
  CHECK(point.other.at("gpu") == "7");  // logged later alone
}

TEST_CASE("two writers of different scalars in one folder do not void each other") {
  const test::TempDir dir;
  dir.write("run/tfevents.1", event(1, 10, simple_value("tokens", 10000)) +
                                  event(3, 20, simple_value("tokens", 20000)));
  dir.write("run/tfevents.2",
            event(2, 10, simple_value("loss", 4)) + event(4, 20, simple_value("loss", 3.5)));
  const Point point = only(imported(dir, dir.path() / "run"));
  CHECK(point.tokens == 20000);
  CHECK(point.loss == 3.5);
}

TEST_CASE("runs whose folders have one name are told apart by their paths") {
  const test::TempDir dir;
  dir.write("logs/x/train/tfevents.1", both(1, 1, 4, 1000));
  dir.write("logs/y/train/tfevents.1", both(1, 1, 3, 2000));
  dir.write("logs/z/tfevents.1", both(1, 1, 2, 3000));
  const std::vector<Point> points = imported(dir, dir.path() / "logs");
  REQUIRE(points.size() == 3);
  CHECK(points[0].label == "x/train");
  CHECK(points[1].label == "y/train");
  CHECK(points[2].label == "z");
}

TEST_CASE("runs behind links are read, each once, and links in circles end") {
  namespace fs = std::filesystem;
  const test::TempDir dir;
  dir.write("elsewhere/run/tfevents.1", both(1, 1, 4, 1000));
  dir.write("more/tfevents.1", both(1, 1, 3, 2000));
  fs::create_directory(dir.path() / "logs");
  fs::create_directory_symlink(dir.path() / "elsewhere", dir.path() / "logs/a");
  fs::create_directory_symlink(dir.path() / "elsewhere", dir.path() / "logs/b");
  fs::create_directory_symlink(dir.path() / "logs", dir.path() / "elsewhere/back");
  fs::create_directory(dir.path() / "logs/c");
  fs::create_symlink(dir.path() / "more/tfevents.1", dir.path() / "logs/c/tfevents.1");
  const std::vector<Point> points = imported(dir, dir.path() / "logs");
  REQUIRE(points.size() == 2);
  CHECK(points[0].loss == 4);
  CHECK(points[1].loss == 3);
}

}  // namespace
}  // namespace isoflop
