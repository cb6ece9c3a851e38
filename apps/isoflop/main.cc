// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>
#include <iostream>

#include <fcntl.h>
#include <unistd.h>

#include "base/build_info.h"
#include "base/json.h"
#include "commands.h"
#include "environment.h"
#include "isoflop/error.h"
#include "stop_signal.h"
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
  Command program("isoflop",
                  "isoflop: turn a compute budget into a training recipe, with evidence.");
  bool version = false, as_json = false;
  program.add_flag("--version", version,
                   "Print version, commit, compiler and the devices that can be used");
  program.add_flag("--json", as_json, "With --version: as JSON");
  add_flops_command(program);
  add_laws_command(program);
  add_propose_command(program);
  add_data_command(program);
  add_plan_command(program);
  add_sweep_command(program);
  add_status_command(program);
  add_train_command(program);
  add_import_command(program);
  add_fit_command(program);
  add_next_command(program);
  add_compare_command(program);
  add_forecast_command(program);
  add_report_command(program);
  switch (program.parse(argc, argv)) {
    case Command::Parsed::refused:
      return kBadInput;
    case Command::Parsed::help_was_printed:
      return kDone;
    case Command::Parsed::ok:
      break;
  }
  if (version) {
    print_version(as_json);
  } else if (!program.subcommand_given()) {
    std::cerr << "isoflop: name a command\n\n" << program.help();
    return kBadInput;
  }
  return program.exit_code();
}

/// A stream that the caller has closed is opened, so that no result file gets its number and what
/// is printed: whatever goes there still fails, but for complaints, which nobody wants.
void occupy_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    (void)::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
}

/// Whether all that was said has been heard: a full disk is a failure. The last flush alone does
/// not tell, when the lines before it were lost.
bool is_output_whole() {
  const bool flushed = std::fflush(stdout) == 0 && std::cout.flush().good();
  return flushed && std::ferror(stdout) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_streams();
  // Whole lines, so that what is said on stderr does not stand amidst one.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  try {
    const int exit_code = run(argc, argv);
    if (!is_output_whole()) {
      std::fprintf(stderr, "isoflop: standard output cannot be written\n");
      return kFailures;
    }
    if (exit_code == kFailures) end_as_stopped();
    return exit_code;
  } catch (const Error& error) {
    std::fprintf(stderr, "isoflop: %s\n", error.what());
    return exit_code_of(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "isoflop: %s\n", error.what());
    return kFailures;
  }
}
