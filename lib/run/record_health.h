// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "isoflop/run_record.h"

namespace isoflop {

/// Fills in n_spikes, clip_fraction and loss_curve of a record from the metrics.jsonl of its run.
/// They are left absent unless each of its steps_done > 0 steps is there, once and in order: a run
/// that was interrupted has them all, but what a machine's crash has taken from the file is not
/// known.
void measure_health(const std::filesystem::path& metrics_file, RunRecord& record);

}  // namespace isoflop
