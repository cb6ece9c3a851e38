// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "isoflop/run.h"
#include "run/run_files.h"

namespace isoflop {

/// One cell as its folder shows it.
[[nodiscard]] CellStatus cell_status(const SweepFolder& sweep, const PlannedRun& run);

/// A cell whose record is final.
[[nodiscard]] CellStatus finished_cell(const PlannedRun& run, RunRecord record);

/// Makes it a cell whose last attempt failed.
void fail(CellStatus& cell, const std::string& why);

/// Share of the steps that metrics.jsonl shows as done.
[[nodiscard]] double run_progress(const SweepFolder& sweep, const PlannedRun& run);

/// Fills compute_done, compute_total and eta_seconds from the cells.
void sum_up(SweepStatus& status, int n_workers);

}  // namespace isoflop
