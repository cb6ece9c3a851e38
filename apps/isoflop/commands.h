// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace isoflop::cli {

/// What a command ended with; the process's exit code. Errors are exceptions: 2 for bad input, 3
/// for what this build or machine does not have, 1 for the rest.
enum ExitCode : int { kDone = 0, kFailures = 1, kBadInput = 2, kUnavailable = 3 };

/// Each adds one subcommand of isoflop, whose callback does the work and sets `exit_code`.
void add_flops_command(CLI::App& app, int& exit_code);
void add_import_command(CLI::App& app, int& exit_code);
void add_laws_command(CLI::App& app, int& exit_code);
void add_propose_command(CLI::App& app, int& exit_code);
void add_data_command(CLI::App& app, int& exit_code);
void add_plan_command(CLI::App& app, int& exit_code);
void add_sweep_command(CLI::App& app, int& exit_code);
void add_status_command(CLI::App& app, int& exit_code);
void add_train_command(CLI::App& app, int& exit_code);
void add_fit_command(CLI::App& app, int& exit_code);
void add_next_command(CLI::App& app, int& exit_code);
void add_compare_command(CLI::App& app, int& exit_code);
void add_forecast_command(CLI::App& app, int& exit_code);
void add_report_command(CLI::App& app, int& exit_code);

}  // namespace isoflop::cli
