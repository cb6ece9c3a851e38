// SPDX-License-Identifier: Apache-2.0
#include "isoflop/error.h"
#include "run/stub_sweep.h"
#include "support/catch.h"

namespace isoflop {
namespace {

/// The plan without its first `n` runs.
Plan without(Plan plan, int n) {
  plan.runs.erase(plan.runs.begin(), plan.runs.begin() + n);
  return plan;
}

TEST_CASE("a plan does not replace one whose runs have begun, unless it has them, or is told to") {
  const test::StubSweep stub(4);
  Plan smaller = without(stub.plan, 1);
  REQUIRE(stub.run("ok").count(CellState::completed) == 4);
  const std::string points = test::read_file(stub.sweep.points_file());
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE((save_sweep(stub.sweep, smaller), 0)),
             contains("1 of its 4 runs, of which 1 have begun") && contains("--drop-runs"));
  CHECK(load_plan(stub.sweep.plan_file()).runs.size() == 4);
  CHECK(test::read_file(stub.sweep.points_file()) == points);

  Plan larger = stub.plan;
  larger.runs.push_back(test::stub_plan(5).runs.back());
  save_sweep(stub.sweep, larger);
  CHECK(load_plan(stub.sweep.plan_file()).runs.size() == 5);
  save_sweep(stub.sweep, smaller, OldRuns::may_leave);
  CHECK(load_plan(stub.sweep.plan_file()).runs.size() == 3);
  CHECK(std::filesystem::exists(stub.folder(0) / "record.json"));
}

TEST_CASE("runs that nobody has begun may leave, but not where two sweeps share a default folder") {
  const test::StubSweep stub(4);
  CHECK_THAT(
      ISOFLOP_ERROR_MESSAGE((save_sweep(stub.sweep, without(stub.plan, 1), OldRuns::must_stay), 0)),
      contains("of which 0 have begun"));
  save_sweep(stub.sweep, without(stub.plan, 1));
  CHECK(load_plan(stub.sweep.plan_file()).runs.size() == 3);
}

TEST_CASE("as long as a sweep is run, no plan lets its runs leave") {
  const test::StubSweep stub(4);
  const Plan smaller = without(stub.plan, 1);
  Plan larger = stub.plan;
  larger.runs.push_back(test::stub_plan(5).runs.back());
  {
    const RunClaim claim = claim_sweep(stub.sweep, stub.plan, OldRuns::must_stay);
    const RunClaim beside = claim_sweep(stub.sweep, stub.plan, OldRuns::must_stay);
    for (const OldRuns old_runs : {OldRuns::may_leave, OldRuns::may_leave_if_not_begun}) {
      CHECK_THAT(ISOFLOP_ERROR_MESSAGE((save_sweep(stub.sweep, smaller, old_runs), 0)),
                 contains("holds the sweep of another plan"));
    }
    save_sweep(stub.sweep, larger);
  }
  save_sweep(stub.sweep, smaller);
  CHECK(load_plan(stub.sweep.plan_file()).runs.size() == 3);
}

TEST_CASE("runs that are added while a sweep runs are among its points") {
  const test::StubSweep stub(2);
  Plan larger = stub.plan;
  larger.runs.push_back(test::stub_plan(3).runs.back());
  save_sweep(stub.sweep, larger);
  REQUIRE(run_sweep(stub.sweep, larger, stub.options("ok")).count(CellState::completed) == 3);
  REQUIRE(stub.run("ok").count(CellState::completed) == 2);  // by the plan it began with
  CHECK(load_points_csv(stub.sweep.points_file()).points.size() == 3);
}

TEST_CASE("where the old plan cannot be read, the folders of runs tell what would leave") {
  const test::StubSweep stub(3);
  REQUIRE(stub.run("ok").count(CellState::completed) == 3);
  std::filesystem::resize_file(stub.sweep.plan_file(), 100);
  CHECK_THROWS_AS(save_sweep(stub.sweep, without(stub.plan, 1)), Error);
  save_sweep(stub.sweep, stub.plan);  // mends it
  CHECK(load_plan(stub.sweep.plan_file()).runs.size() == 3);
}

TEST_CASE("an unfinished sweep says what is missing, and names what is damaged") {
  const test::StubSweep stub(4);
  CHECK_THAT(unfinished_warnings(sweep_status(stub.sweep, stub.plan)).front(),
             contains("4 of the sweep's 4 runs are missing (4 waiting)"));
  REQUIRE(stub.run("ok").count(CellState::completed) == 4);
  SweepStatus status = sweep_status(stub.sweep, stub.plan);
  CHECK(unfinished_warnings(status).empty());
  CHECK(status.compute_done == status.compute_total);

  std::filesystem::resize_file(stub.folder(1) / "record.json", 50);
  status = sweep_status(stub.sweep, stub.plan);
  const std::vector<std::string> warnings = unfinished_warnings(status);
  REQUIRE(warnings.size() == 2);
  CHECK_THAT(warnings[0], contains("1 of the sweep's 4 runs are missing (1 failed)"));
  CHECK_THAT(warnings[1], contains(stub.plan.runs[1].run_id + "/record.json: "));
  CHECK(status.compute_done < status.compute_total);
}

TEST_CASE("a checkpoint that a killed trainer left behind its record is removed") {
  const test::StubSweep stub(2);
  REQUIRE(stub.run("ok").count(CellState::completed) == 2);
  std::filesystem::create_directories(stub.folder(0) / "checkpoint/step-000000010");
  REQUIRE(stub.run("crash").count(CellState::completed) == 2);
  CHECK_FALSE(std::filesystem::exists(stub.folder(0) / "checkpoint"));
  CHECK(stub.executions().size() == 2);
}

}  // namespace
}  // namespace isoflop
