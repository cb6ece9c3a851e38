// SPDX-License-Identifier: Apache-2.0
#include "run/stub_sweep.h"
#include "support/catch.h"

namespace isoflop {
namespace {

TEST_CASE("the status of a sweep is what its folders say") {
  const test::StubSweep stub(4);
  SweepStatus status = sweep_status(stub.sweep, stub.plan);
  CHECK(status.count(CellState::waiting) == 4);
  CHECK(status.compute_total == 4e10);
  CHECK(status.compute_done == 0);

  Plan first = stub.plan;
  first.runs.resize(1);
  SweepOptions options = stub.options("ok");
  run_sweep(stub.sweep, first, options);
  const std::optional<RunClaim> running = RunClaim::acquire(stub.folder(1));
  stub.dir.write("sweep/runs/" + stub.plan.runs[1].run_id + "/metrics.jsonl",
                 "{\"step\":124,\"tokens\":1}\n{\"step\":125,\"tokens\":1}\n{\"st");
  status = sweep_status(stub.sweep, stub.plan);
  CHECK(status.cells[0].state == CellState::completed);
  CHECK(status.cells[0].record->validation);
  CHECK(status.cells[1].state == CellState::running);
  CHECK(status.cells[1].progress == 0.25);
  CHECK(status.cells[2].state == CellState::waiting);
  CHECK(status.compute_done == 1.25e10);
  // The stub "took" 0.5 s for a cost of 1e10; 0.75 * 2e10 + 3e10 + 4e10 are left for one worker.
  REQUIRE(status.eta_seconds);
  CHECK(*status.eta_seconds == Approx(8.5e10 / 1e10 * 0.5));
}

TEST_CASE("a sweep that is saved again with more runs keeps what is done") {
  const test::StubSweep stub(2);
  CHECK(stub.run("ok").count(CellState::completed) == 2);
  const Plan larger = test::stub_plan(3);
  save_sweep(stub.sweep, larger);
  CHECK(load_plan(stub.sweep.plan_file()).runs.size() == 3);
  CHECK(load_experiment(stub.sweep.experiment_file()).dataset == "tiny");
  CHECK(sweep_status(stub.sweep, larger).count(CellState::completed) == 2);
}

}  // namespace
}  // namespace isoflop
