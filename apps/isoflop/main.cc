// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>
#include <iostream>

#include <CLI/CLI.hpp>

#include "base/build_info.h"
#include "base/json.h"
#include "commands.h"
#include "environment.h"
#include "isoflop/error.h"
#include "train/device/device.h"

namespace {

using namespace isoflop;
using namespace isoflop::cli;

ExitCode exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::parse:
    case ErrorCode::frame_mismatch:
      return kBadInput;
    case ErrorCode::unavailable:
      return kUnavailable;
    case ErrorCode::device:
    case ErrorCode::io:
    case ErrorCode::internal:
      return kFailures;
  }
  return kFailures;
}

void print_version(bool as_json) {
  const BuildInfo info = build_info();
  if (!as_json) {
    std::printf("isoflop %s (%s)\n", info.version.c_str(), info.git_commit.c_str());
    return;
  }
  std::printf("%s", Json::object({{"schema", "isoflop.version/1"},
                                  {"version", info.version},
                                  {"git_commit", info.git_commit},
                                  {"compiler", info.compiler},
                                  {"devices", Json::array_of(describe_devices())}})
                        .pretty()
                        .c_str());
}

int run(int argc, char** argv) {
  CLI::App app("isoflop: turn a compute budget into a training recipe, with evidence.", "isoflop");
  app.require_subcommand(0, 1);
  int exit_code = kDone;
  bool version = false, as_json = false;
  app.add_flag("--version", version,
               "Print version, commit, compiler and the devices that can be used");
  app.add_flag("--json", as_json, "With --version: as JSON");
  add_flops_command(app, exit_code);
  add_laws_command(app, exit_code);
  add_propose_command(app, exit_code);
  add_data_command(app, exit_code);
  add_plan_command(app, exit_code);
  add_sweep_command(app, exit_code);
  add_status_command(app, exit_code);
  add_train_command(app, exit_code);
  add_import_command(app, exit_code);
  add_fit_command(app, exit_code);
  add_next_command(app, exit_code);
  add_compare_command(app, exit_code);
  add_forecast_command(app, exit_code);
  add_report_command(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kBadInput;
  }
  if (version) {
    print_version(as_json);
  } else if (app.get_subcommands().empty()) {
    std::cout << app.help();
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int exit_code = run(argc, argv);
    // What was said must have been heard: a full disk behind a pipe is a failure.
    if (std::fflush(stdout) != 0 || !std::cout.flush()) {
      std::fprintf(stderr, "isoflop: standard output cannot be written\n");
      return kFailures;
    }
    return exit_code;
  } catch (const Error& error) {
    std::fprintf(stderr, "isoflop: %s\n", error.what());
    return exit_code_of(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "isoflop: %s\n", error.what());
    return kFailures;
  }
}
