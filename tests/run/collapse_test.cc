// SPDX-License-Identifier: Apache-2.0
#include "run/collapse.h"

#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "run/metrics_file.h"
#include "run/stub_sweep.h"
#include "support/catch.h"

namespace isoflop {
namespace {

constexpr std::size_t kParts = 20;

/// Curves of a family: level_i times one shape, tilted by the tokens per parameter, with noise.
/// `wrong` > 0 adds a bump early in the run, as too long a warm-up or too small a learning rate do.
LossCurve synthetic_curve(std::uint64_t i, std::size_t n_parts, double wrong = 0) {
  const Rng rng(5, i);
  LossCurve curve;
  curve.tokens_per_param = std::pow(10, 0.25 * static_cast<double>(i % 13));
  const double level = 2 + rng.uniform(1000), tilt = 0.02 * static_cast<double>(i % 13);
  for (std::size_t part = 0; part < n_parts; ++part) {
    const double x = (static_cast<double>(part) + 0.5) / static_cast<double>(kParts);
    const double shape = 1 + (0.2 + tilt) * (std::pow(x, -0.3) - 1) + wrong * std::exp(-8 * x);
    curve.losses.push_back(level * shape * (1 + 0.004 * rng.normal(part)));
  }
  return curve;
}

std::vector<LossCurve> family_of(std::size_t n, std::size_t n_parts = kParts) {
  std::vector<LossCurve> family;
  for (std::uint64_t i = 0; i < n; ++i) family.push_back(synthetic_curve(i, n_parts));
  return family;
}

std::size_t count_outliers(const std::vector<LossCurve>& family) {
  std::size_t n = 0;
  for (const auto& collapse : collapse_residuals(family)) n += collapse && collapse->is_outlier;
  return n;
}

TEST_CASE("curves that differ by level and by tokens per parameter collapse") {
  std::vector<LossCurve> family = family_of(20);
  for (const auto& collapse : collapse_residuals(family)) {
    REQUIRE(collapse);
    CHECK(collapse->residual < 0.012);  // noise of 0.004 in both terms of v, largest of 20
    CHECK(collapse->n_runs == 19);
    CHECK(collapse->progress == 1);
    CHECK(!collapse->is_outlier);
  }
  // Without noise exactly.
  for (std::size_t i = 0; i < family.size(); ++i) {
    for (std::size_t part = 0; part < kParts; ++part) {
      family[i].losses[part] =
          (1 + 0.1 * static_cast<double>(i)) * (2 + 1 / static_cast<double>(part + 1));
    }
  }
  for (const auto& collapse : collapse_residuals(family)) CHECK(collapse->residual < 1e-12);
}

TEST_CASE("one mis-scaled run among twenty is found, and it alone") {
  std::vector<LossCurve> family = family_of(20);
  CHECK(count_outliers(family) == 0);
  for (const std::size_t wrong : {0u, 7u, 12u, 19u}) {
    std::vector<LossCurve> spoiled = family;
    spoiled[wrong] = synthetic_curve(wrong, kParts, 0.3);
    const auto found = collapse_residuals(spoiled);
    CHECK(found[wrong]->is_outlier);
    CHECK(count_outliers(spoiled) == 1);
    CHECK(found[wrong]->typical < 0.012);
  }
}

TEST_CASE("a mis-scaled run is found at 30 % of its length, beside finished ones and others") {
  std::vector<LossCurve> family = family_of(12);
  family.push_back(synthetic_curve(3, 6));
  family.push_back(synthetic_curve(4, 6, 0.3));
  family.push_back(synthetic_curve(5, 9));
  const auto found = collapse_residuals(family);
  CHECK(found[12]->progress == Approx(0.3));
  CHECK(found[12]->n_runs == 14);
  CHECK(!found[12]->is_outlier);
  CHECK(found[13]->is_outlier);
  CHECK(found[14]->n_runs == 12);
  CHECK(count_outliers(family) == 1);
}

TEST_CASE("nothing is said of few runs, nor of a run that has just begun") {
  for (const auto& collapse : collapse_residuals(family_of(5))) CHECK(!collapse);
  std::vector<LossCurve> family = family_of(6);
  family.push_back(synthetic_curve(6, 3));
  family.push_back({1, {}});
  const auto found = collapse_residuals(family);
  CHECK(found[0]);
  CHECK(!found[6]);
  CHECK(!found[7]);
  CHECK(collapse_residuals({}).empty());
}

TEST_CASE("small differences are no warning even where the family has none") {
  std::vector<LossCurve> family(10, {20, std::vector<double>(kParts, 3)});
  for (std::size_t part = 0; part < 10; ++part) family[4].losses[part] *= 1.01;
  CHECK(count_outliers(family) == 0);
  for (std::size_t part = 0; part < 10; ++part) family[4].losses[part] *= 1.1;
  CHECK(count_outliers(family) == 1);
}

TEST_CASE("a loss curve is the mean over each whole twentieth of the steps") {
  const test::TempDir dir;
  const std::filesystem::path file = dir.path() / "metrics.jsonl";
  CHECK(read_loss_curve(file, 100).empty());
  MetricsFile metrics(file);
  for (std::int64_t step = 1; step <= 37; ++step) {
    StepMetrics line;
    line.step = step;
    line.loss_nats = step == 7 ? std::nan("") : static_cast<double>(step);
    metrics.append(line);
  }
  // 100 steps: parts of 5; the eighth has two of them.
  CHECK(read_loss_curve(file, 100) == std::vector<double>{3, 8.25, 13, 18, 23, 28, 33});
  // 37 steps: parts end at ceil(1.85 k).
  const std::vector<double> whole = read_loss_curve(file, 37);
  REQUIRE(whole.size() == 20);
  CHECK(whole.front() == 1.5);
  CHECK(whole.back() == 37);
}

/// Writes the metrics of a run as far as `n_parts` parts.
void write_metrics(const test::StubSweep& stub, std::size_t i, const LossCurve& curve) {
  const std::int64_t n_steps = stub.plan.runs[i].spec.n_steps;
  std::string text;
  for (std::size_t part = 0; part < curve.losses.size(); ++part) {
    const std::int64_t end = static_cast<std::int64_t>(part + 1) * n_steps / kLossCurveParts;
    for (std::int64_t s = static_cast<std::int64_t>(part) * n_steps / kLossCurveParts; s < end;
         ++s) {
      text += "{\"step\":" + std::to_string(s + 1) +
              ",\"tokens\":1,\"loss_nats\":" + std::to_string(curve.losses[part]) + "}\n";
    }
  }
  stub.dir.write("sweep/runs/" + stub.plan.runs[i].run_id + "/metrics.jsonl", text);
}

TEST_CASE("the status of a sweep warns of the run whose curve is another") {
  const test::StubSweep stub(9);
  for (std::uint64_t i = 0; i < 8; ++i) {
    LossCurve curve = synthetic_curve(13 * i, i < 6 ? kParts : 6, i == 7 ? 0.4 : 0);
    write_metrics(stub, i, curve);
  }
  SweepStatus status = sweep_status(stub.sweep, stub.plan);
  CHECK(status.warnings.empty());
  watch_collapse(stub.sweep, status);
  REQUIRE(status.warnings.size() == 1);
  CHECK(status.warnings[0].find("run " + stub.plan.runs[7].run_id) == 0);
  CHECK_THAT(status.warnings[0], contains("of its 7 like runs"));
  CHECK_THAT(status.warnings[0], contains("at 30 % of its steps"));
  for (std::size_t i = 0; i < 8; ++i) CHECK(status.cells[i].collapse->is_outlier == (i == 7));
  CHECK(!status.cells[8].collapse);  // has not begun
}

TEST_CASE("points mark the completed run whose curve is another, from the records alone") {
  const test::StubSweep stub(8);
  CHECK(stub.run("ok").count(CellState::completed) == 8);
  const auto outliers = [&] {
    std::vector<std::string> cells;
    for (const Point& point : collect_points(stub.sweep, stub.plan).points) {
      const auto cell = point.other.find("collapse_outlier");
      cells.push_back(cell == point.other.end() ? "" : cell->second);
    }
    return cells;
  };
  CHECK(outliers() == std::vector<std::string>(8));  // the stub's records have no curve
  const RunStore store(stub.sweep.runs());
  const auto set_curve = [&](std::uint64_t i, double deviation) {
    RunRecord record = *store.find(stub.plan.runs[i].run_id);
    record.loss_curve = synthetic_curve(13 * i, kParts, deviation).losses;
    save_run_record(record, stub.folder(i) / "record.json");
  };
  for (std::uint64_t i = 0; i < 5; ++i) set_curve(i, 0);
  CHECK(outliers() == std::vector<std::string>(8));  // too few to compare
  for (std::uint64_t i = 5; i < 8; ++i) set_curve(i, 0);
  CHECK(outliers() == std::vector<std::string>(8, "0"));
  set_curve(6, 0.4);
  std::vector<std::string> expected(8, "0");
  expected[6] = "1";
  CHECK(outliers() == expected);
  // The status, which also looks at what is under way, says the same of what is done.
  SweepStatus status = sweep_status(stub.sweep, stub.plan);
  watch_collapse(stub.sweep, status);
  for (std::size_t i = 0; i < 8; ++i) CHECK(status.cells[i].collapse->is_outlier == (i == 6));
  CHECK(status.warnings.size() == 1);
}

TEST_CASE("runs of other schedules are no family") {
  test::StubSweep stub(8);
  for (std::uint64_t i = 0; i < 8; ++i) {
    if (i >= 4) stub.plan.runs[i].spec.schedule.kind = ScheduleKind::cosine;
    write_metrics(stub, i, synthetic_curve(13 * i, kParts));
  }
  SweepStatus status = sweep_status(stub.sweep, stub.plan);
  watch_collapse(stub.sweep, status);
  for (const CellStatus& cell : status.cells) CHECK(!cell.collapse);
}

}  // namespace
}  // namespace isoflop
