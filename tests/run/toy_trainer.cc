// SPDX-License-Identifier: Apache-2.0
// Trains for real, on the toy source: toy_trainer STEPS MODE train SPEC.json --out FOLDER
// --device D [--trunk FOLDER] [--beside FOLDER TRUNK]... Appends a line "<run_id> <step>" to STEPS
// for every step taken, and to STEPS.processes one with the run_ids of this process.
// MODE: ok; crash:<run_id>, which kills the process shortly before the end of that run;
// crash_behind_one:<run_id>, which does so once, and only when another run has its record.
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "isoflop/error.h"
#include "isoflop/run.h"
#include "run/run_pack.h"
#include "support/toy_dataset.h"

namespace {

using namespace isoflop;

volatile std::sig_atomic_t stop_requested = 0;
void request_stop(int) { stop_requested = 1; }

int open_or_exit(const std::filesystem::path& file, int flags) {
  const int descriptor = ::open(file.c_str(), flags | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) std::exit(9);
  return descriptor;
}

void append_line(int descriptor, const std::string& line) {
  const std::string text = line + "\n";
  if (::write(descriptor, text.data(), text.size()) < 0) std::exit(9);
}

/// Two runs of one trunk at a time would corrupt it.
void require_alone(const std::filesystem::path& trunk, int steps) {
  const int lock = open_or_exit(trunk / "alone", O_RDWR);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) append_line(steps, "OVERLAP 0");
}

std::vector<PackedRun> read_runs(int n_arguments, char** arguments) {
  std::vector<PackedRun> runs = {{.spec = load_run_spec(arguments[4]), .folder = arguments[6]}};
  for (int i = 9; i < n_arguments; ++i) {
    const std::string option = arguments[i];
    if (option == "--trunk") {
      runs.front().trunk_folder = arguments[i + 1];
    } else if (option == "--beside") {
      const std::filesystem::path folder = arguments[i + 1];
      const std::string trunk = arguments[i + 2];
      runs.push_back({.spec = load_run_spec(folder / "spec.json"),
                      .folder = folder,
                      .trunk_folder = trunk == "-" ? "" : trunk});
    }
  }
  return runs;
}

void wait_for_a_record(const std::vector<PackedRun>& runs) {
  while (true) {
    for (const PackedRun& run : runs) {
      if (std::filesystem::exists(run.folder / "record.json")) return;
    }
    std::this_thread::yield();
  }
}

}  // namespace

int main(int n_arguments, char** arguments) {
  if (n_arguments < 9 || std::string(arguments[3]) != "train") return 8;
  const std::string steps_file = arguments[1], mode = arguments[2];
  const int steps = open_or_exit(steps_file, O_WRONLY | O_APPEND);
  try {
    std::vector<PackedRun> runs = read_runs(n_arguments, arguments);
    std::string ids;
    for (PackedRun& run : runs) {
      const std::string id = run_id(run.spec);
      ids += id + " ";
      if (!run.trunk_folder.empty()) require_alone(run.trunk_folder, steps);
      const std::filesystem::path once = steps_file + ".crashed";
      const bool crash = mode == "crash:" + id;
      const bool crash_once = mode == "crash_behind_one:" + id && !std::filesystem::exists(once);
      run.on_step = [=, &runs, n_steps = run.spec.n_steps](const StepMetrics& step) {
        append_line(steps, id + " " + std::to_string(step.step));
        if (step.step != n_steps - 1 || !(crash || crash_once)) return;
        if (crash_once) {
          wait_for_a_record(runs);
          open_or_exit(once, O_RDWR);
        }
        ::raise(SIGKILL);
      };
    }
    append_line(open_or_exit(steps_file + ".processes", O_WRONLY | O_APPEND), ids);
    RunOneOptions options;
    options.device = arguments[8];
    options.seconds_between_checkpoints = 0.02;
    std::signal(SIGTERM, request_stop);
    options.stop = [] { return stop_requested != 0; };
    for (const PackedEnd& end : run_pack(runs, test::ToyDataset(), options)) {
      std::cerr << end.error << std::endl;
      if (!end.record || end.record->outcome != RunOutcome::completed) return 1;
    }
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << std::endl;
    return 2;
  }
}
