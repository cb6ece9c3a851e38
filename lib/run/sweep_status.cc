// SPDX-License-Identifier: Apache-2.0
#include "run/sweep_status.h"

#include <algorithm>

#include "isoflop/error.h"
#include "run/eta.h"
#include "run/metrics_file.h"
#include "run/run_files.h"

namespace isoflop {

std::string_view to_string(CellState state) {
  constexpr std::string_view kNames[] = {"waiting", "running", "completed", "diverged", "failed"};
  return kNames[static_cast<int>(state)];
}

std::int64_t SweepStatus::count(CellState state) const {
  return std::count_if(cells.begin(), cells.end(),
                       [state](const CellStatus& cell) { return cell.state == state; });
}

double run_progress(const SweepFolder& sweep, const PlannedRun& run) {
  const std::filesystem::path folder = RunStore(sweep.runs()).run_folder(run.run_id);
  const auto steps = static_cast<double>(last_step(folder / "metrics.jsonl"));
  return std::min(1.0, steps / static_cast<double>(run.spec.n_steps));
}

CellStatus finished_cell(const PlannedRun& run, RunRecord record) {
  CellStatus cell;
  cell.run = run;
  const bool completed = record.outcome == RunOutcome::completed;
  cell.state = completed ? CellState::completed : CellState::diverged;
  cell.message = record.message;
  cell.progress = 1;
  cell.record = std::move(record);
  return cell;
}

/// What a run has done before it failed is of no use to anybody yet.
void fail(CellStatus& cell, const std::string& why) {
  cell.state = CellState::failed;
  cell.message = why;
  cell.progress = 0;
}

CellStatus cell_status(const SweepFolder& sweep, const PlannedRun& run) {
  const RunStore store(sweep.runs());
  const std::filesystem::path folder = store.run_folder(run.run_id);
  // The lock before the record: a run that ends in between is seen as done, not as abandoned.
  const bool held = RunClaim::is_held(folder);
  RecordFile file = read_record(store, run.run_id);
  if (file.is_final()) return finished_cell(run, std::move(*file.record));
  CellStatus cell;
  cell.run = run;
  cell.progress = run_progress(sweep, run);
  if (held) {
    cell.state = CellState::running;
  } else if (const std::string failure = file.complaint(); !failure.empty()) {
    fail(cell, failure);
  } else if (const std::optional<std::string> noted = read_failure(folder)) {
    fail(cell, *noted);
  }
  cell.record = std::move(file.record);
  return cell;
}

void sum_up(SweepStatus& status, int n_workers) {
  status.compute_done = status.compute_total = 0;
  for (const CellStatus& cell : status.cells) {
    const double before = 1 - cell.run.own_share();
    status.compute_total += cell.run.compute * cell.run.own_share();
    status.compute_done += cell.run.compute * std::max(0.0, cell.progress - before);
  }
  status.eta_seconds = eta_seconds(status.cells, n_workers);
}

SweepStatus sweep_status(const SweepFolder& sweep, const Plan& plan) {
  SweepStatus status;
  for (const PlannedRun& run : plan.runs) status.cells.push_back(cell_status(sweep, run));
  sum_up(status, static_cast<int>(status.count(CellState::running)));
  return status;
}

}  // namespace isoflop
