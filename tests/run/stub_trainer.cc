// SPDX-License-Identifier: Apache-2.0
// Pretends to train: stub_trainer MODE EXECUTIONS train SPEC.json --out FOLDER --device D
// [--trunk FOLDER]
// Appends one line per execution to EXECUTIONS; what it "measures" depends on the spec alone.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/rng.h"
#include "isoflop/run_record.h"
#include "run/metrics_file.h"

namespace {

using namespace isoflop;

void append_line(const std::string& file, const std::string& line) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const std::string text = line + "\n";
  if (descriptor < 0 || ::write(descriptor, text.data(), text.size()) < 0) std::exit(9);
  ::close(descriptor);
}

/// Two trainers of one run at a time would corrupt each other's files.
void require_alone(const std::filesystem::path& folder, const std::string& executions) {
  const int descriptor = ::open((folder / "stub.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) append_line(executions, "OVERLAP");
}

/// Nor may runs of one trunk be at it together.
void require_alone_in_trunk(int n_arguments, char** arguments, const std::string& executions) {
  if (n_arguments > 10 && std::string(arguments[9]) == "--trunk") {
    require_alone(arguments[10], executions);
  }
}

void wait_for_ever() {
  while (true) std::this_thread::sleep_for(std::chrono::seconds(1));
}

RunRecord pretend(const RunSpec& spec, bool diverge) {
  RunRecord record;
  record.spec = spec;
  record.run_id = run_id(spec);
  record.outcome = diverge ? RunOutcome::diverged : RunOutcome::completed;
  record.steps_done = spec.n_steps;
  record.device = "stub";
  record.wall_seconds = 0.5;
  if (diverge) record.message = "the loss was not finite at step 3";
  const double loss = 2 + Rng(std::stoull(record.run_id, nullptr, 16)).uniform(0);
  if (!diverge) record.validation = Evaluation{loss, loss / 0.6931, 0.01, 4096, 4096};
  return record;
}

}  // namespace

int main(int n_arguments, char** arguments) {
  if (n_arguments < 8 || std::string(arguments[3]) != "train") return 8;
  const std::string mode = arguments[1], executions = arguments[2];
  const std::filesystem::path folder = arguments[6];
  const RunSpec spec = load_run_spec(arguments[4]);
  append_line(executions, run_id(spec));
  require_alone(folder, executions);
  require_alone_in_trunk(n_arguments, arguments, executions);
  std::cerr << "device " << arguments[8] << ", threads " << std::getenv("OPENBLAS_NUM_THREADS")
            << std::endl;
  if (mode == "crash") {
    std::cerr << "the trainer gives up" << std::endl;
    return 3;
  }
  if (mode == "out_of_memory" && spec.seed == 1) {
    std::cout << "0 steps" << std::endl;
    std::cerr << "isoflop: out of memory; the run takes about 1.5GB" << std::endl;
    return 1;
  }
  if (mode == "abort") ::raise(SIGKILL);
  if (mode == "silent") return 0;
  if (mode == "hang") wait_for_ever();
  if (mode == "deaf") {
    ::signal(SIGTERM, SIG_IGN);
    wait_for_ever();
  }
  if (mode == "torn") {
    save_run_record(pretend(spec, false), folder / "whole.json");
    std::filesystem::resize_file(folder / "whole.json", 200);
    std::filesystem::rename(folder / "whole.json", folder / "record.json");
    return 0;
  }
  MetricsFile metrics(folder / "metrics.jsonl");
  for (int step = 1; step <= 4; ++step) {
    metrics.append({step, step * spec.batch_tokens, 3.0 / step, 1, 1});
    if (mode == "slow") std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  save_run_record(pretend(spec, mode == "diverge"), folder / "record.json");
  return mode == "sloppy" ? 7 : 0;  // the record counts, not the status
}
