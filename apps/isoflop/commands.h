// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "command_line.h"

namespace isoflop::cli {

/// What a command ended with; the process's exit code. Errors are exceptions: 2 for bad input, 3
/// for what this build or machine does not have, 1 for the rest.
enum ExitCode : int { kDone = 0, kFailures = 1, kBadInput = 2, kUnavailable = 3 };

/// Each adds one subcommand of isoflop, whose action does the work.
void add_flops_command(Command& program);
void add_import_command(Command& program);
void add_laws_command(Command& program);
void add_propose_command(Command& program);
void add_data_command(Command& program);
void add_plan_command(Command& program);
void add_sweep_command(Command& program);
void add_status_command(Command& program);
void add_train_command(Command& program);
void add_fit_command(Command& program);
void add_next_command(Command& program);
void add_compare_command(Command& program);
void add_forecast_command(Command& program);
void add_report_command(Command& program);

}  // namespace isoflop::cli
