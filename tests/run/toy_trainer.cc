// SPDX-License-Identifier: Apache-2.0
// Trains for real, on the toy source: toy_trainer STEPS MODE train SPEC.json --out FOLDER
// --device D [--trunk FOLDER]. Appends a line "<run_id> <step>" to STEPS for every step taken.
// MODE: ok, or crash:<run_id>, which kills that run shortly before its end.
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "isoflop/error.h"
#include "isoflop/run.h"
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

}  // namespace

int main(int n_arguments, char** arguments) {
  if (n_arguments < 9 || std::string(arguments[3]) != "train") return 8;
  const int steps = open_or_exit(arguments[1], O_WRONLY | O_APPEND);
  try {
    const RunSpec spec = load_run_spec(arguments[4]);
    const std::string id = run_id(spec);
    const bool crash = arguments[2] == "crash:" + id;
    RunOneOptions options;
    options.folder = arguments[6];
    options.device = arguments[8];
    options.seconds_between_checkpoints = 0.02;
    if (n_arguments > 10 && std::string(arguments[9]) == "--trunk") {
      options.trunk_folder = arguments[10];
      const int lock = open_or_exit(options.trunk_folder / "alone", O_RDWR);
      if (::flock(lock, LOCK_EX | LOCK_NB) != 0) append_line(steps, "OVERLAP 0");
    }
    std::signal(SIGTERM, request_stop);
    options.stop = [] { return stop_requested != 0; };
    options.on_step = [&](const StepMetrics& step) {
      append_line(steps, id + " " + std::to_string(step.step));
      if (crash && step.step == spec.n_steps - 1) ::raise(SIGKILL);
    };
    return run_one(spec, test::ToyDataset(), options).outcome == RunOutcome::completed ? 0 : 1;
  } catch (const Error& error) {
    std::cerr << error.what() << std::endl;
    return 2;
  }
}
