// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "run/stub_sweep.h"
#include "support/catch.h"

namespace isoflop {
namespace {

TEST_CASE("points are the completed runs in plan order, in the plan's frame") {
  test::StubSweep stub(3);
  stub.plan.runs[1].kind = CellKind::grid;
  stub.plan.runs[2].epochs = 2;
  CHECK(stub.run("ok").count(CellState::completed) == 3);
  const PointSet set = collect_points(stub.sweep, stub.plan);
  CHECK(set.frame ==
        Frame{"tiny", "bytes", Metric::bits_per_byte, FlopsConvention::deepseek_m_actual});
  REQUIRE(set.points.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const Point& point = set.points[i];
    const RunSpec& spec = stub.plan.runs[i].spec;
    CHECK(point.label == stub.plan.runs[i].run_id);
    CHECK(point.trunk == trunk_id(spec));
    CHECK(point.seed == static_cast<std::int64_t>(i));
    CHECK(point.tokens == 256.0 * 500);
    CHECK(point.params == static_cast<double>(count_params(spec.shape).non_embedding()));
    CHECK(point.flops_per_token == flops_per_token(spec.shape).value());
    CHECK(point.budget == 1e10);
    CHECK(point.bits_per_byte == point.loss.value() / 0.6931);
  }
  CHECK(set.points[1].other.at("kind") == "grid");
  CHECK(set.points[0].other.at("d_model") == "32");
  CHECK(set.points[0].other.at("n_steps") == "500");
  CHECK(set.points[0].other.at("warmup_steps") == "25");
  CHECK(set.points[0].other.at("precision") == "fp32");
  CHECK(set.points[0].other.at("outcome") == "completed");
  CHECK(set.points[0].other.at("device") == "stub");
  CHECK(set.points[0].other.count("code_version") == 0);  // its record names none
  CHECK(set.points[2].other.at("unique_tokens") == "64000");
  CHECK(set.points[0].other.at("vocab_size") == "256");
  // Of a source that never repeats nothing can be said.
  CHECK(set.points[0].other.count("unique_tokens") == 0);
  CHECK(set.n_diverged_runs == 0);
  const PointSet loaded = load_points_csv(stub.sweep.points_file());
  CHECK(loaded.points[2].bits_per_byte == set.points[2].bits_per_byte);
  CHECK(loaded.points[2].other == set.points[2].other);
  CHECK(loaded.frame.metric == Metric::bits_per_byte);
}

TEST_CASE("a point has its run's health and evaluation error, as far as the record has them") {
  test::StubSweep stub(2);
  CHECK(stub.run("ok").count(CellState::completed) == 2);
  RunRecord record = *RunStore(stub.sweep.runs()).find(stub.plan.runs[1].run_id);
  record.n_spikes = 7;
  record.clip_fraction = 2.0 / 3;
  save_run_record(record, stub.folder(1) / "record.json");
  save_points_csv(collect_points(stub.sweep, stub.plan).points, stub.sweep.points_file());
  const PointSet set = load_points_csv(stub.sweep.points_file());
  CHECK(set.points[0].other.count("n_spikes") == 0);
  CHECK(set.points[0].other.count("clip_fraction") == 0);
  CHECK(set.points[1].other.at("n_spikes") == "7");
  CHECK(parse_double(set.points[1].other.at("clip_fraction")) == 2.0 / 3);
  CHECK(set.points[1].other.at("loss_se") == "0.01");
  CHECK(parse_double(set.points[1].other.at("bits_per_byte_se")).value() ==
        Approx(0.01 / 0.6931));  // the stub's bits per byte are loss / 0.6931
  CHECK(set.points[1].label == stub.plan.runs[1].run_id);
}

TEST_CASE("a point names the code that made it, and diverged runs are counted") {
  test::StubSweep stub(2);
  CHECK(stub.run("ok").count(CellState::completed) == 2);
  std::optional<RunRecord> record = RunStore(stub.sweep.runs()).find(stub.plan.runs[0].run_id);
  REQUIRE(record);
  record->version = "0.1";
  record->git_commit = "c0ffee";
  save_run_record(*record, stub.folder(0) / "record.json");
  CHECK(collect_points(stub.sweep, stub.plan).points[0].other.at("code_version") == "0.1+c0ffee");

  const test::StubSweep diverging(2);
  CHECK(diverging.run("diverge").count(CellState::diverged) == 2);
  CHECK(collect_points(diverging.sweep, diverging.plan).n_diverged_runs == 2);
}

}  // namespace
}  // namespace isoflop
