// SPDX-License-Identifier: Apache-2.0
#include "run/eta.h"

#include "support/catch.h"

namespace isoflop {
namespace {

CellStatus cell(CellState state, double cost, double wall_seconds = 0, double progress = 0) {
  CellStatus status;
  status.state = state;
  status.run.cost = cost;
  status.progress = progress;
  if (state == CellState::completed) {
    status.record.emplace();
    status.record->wall_seconds = wall_seconds;
  }
  return status;
}

TEST_CASE("the makespan is that of workers who take the next run when they are free") {
  CHECK(makespan_seconds({}, 2, 10) == 0);
  CHECK(makespan_seconds(std::vector<double>{100}, 4, 10) == 10);
  CHECK(makespan_seconds(std::vector<double>{10, 20, 30, 40}, 1, 10) == 10);
  // Worker 1: 10, 30; worker 2: 20, 40.
  CHECK(makespan_seconds(std::vector<double>{10, 20, 30, 40}, 2, 10) == 6);
  CHECK(makespan_seconds(std::vector<double>{10, 20, 30, 40}, 9, 10) == 4);
}

TEST_CASE("speed is taken from the largest runs that were timed") {
  CHECK_FALSE(worker_flops_per_second(std::vector<CellStatus>{cell(CellState::waiting, 5)}));
  CHECK_FALSE(worker_flops_per_second(std::vector<CellStatus>{cell(CellState::completed, 5, 0)}));
  const std::vector<CellStatus> cells = {
      cell(CellState::completed, 10, 10), cell(CellState::completed, 60, 20),
      cell(CellState::completed, 100, 20), cell(CellState::diverged, 100)};
  CHECK(worker_flops_per_second(cells) == Approx(160.0 / 40));
}

TEST_CASE("what is left counts by its cost and the share still to do") {
  std::vector<CellStatus> cells = {cell(CellState::completed, 100, 10),
                                   cell(CellState::running, 100, 0, 0.75),
                                   cell(CellState::waiting, 200), cell(CellState::failed, 1000),
                                   cell(CellState::diverged, 1000)};
  CHECK(eta_seconds(cells, 1) == Approx(2.5 + 20));
  CHECK(eta_seconds(cells, 2) == Approx(20));
  // Three quarters of it will be there when it begins.
  cells[2].run.spec.n_steps = 80;
  cells[2].run.first_step = 60;
  CHECK(eta_seconds(cells, 1) == Approx(2.5 + 5));
  cells[2].state = CellState::running;
  cells[2].progress = 0.9;
  CHECK(eta_seconds(cells, 1) == Approx(2.5 + 2));
  cells.resize(1);
  CHECK_FALSE(eta_seconds(cells, 1));
}

}  // namespace
}  // namespace isoflop
