// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "commands.h"
#include "environment.h"
#include "isoflop/run.h"
#include "spec_patch.h"
#include "train/launch_environment.h"

namespace isoflop::cli {
namespace {

volatile std::sig_atomic_t stop_requested = 0;
void request_stop(int) { stop_requested = 1; }

struct Options {
  std::string spec, out, device = "cpu", data_root, trunk;
  std::vector<std::string> settings;
  int n_threads = 1, tensor_parallel = 1;
  double checkpoint_seconds = TrainOptions{}.seconds_between_checkpoints;
  std::optional<double> peak_flops;
};

/// A line on a terminal that is always current; nothing elsewhere, metrics.jsonl has it all.
class StepDisplay {
 public:
  explicit StepDisplay(std::int64_t n_steps) : n_steps_(n_steps) {}
  void show(const StepMetrics& step) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    std::fprintf(stderr, "\r\x1b[Kstep %lld of %lld  loss %.4f nats/token  gradient norm %.3g%s",
                 static_cast<long long>(step.step), static_cast<long long>(n_steps_),
                 step.loss_nats, step.grad_norm, speed_text(step, now).c_str());
    std::fflush(stderr);
  }
  void finish() const {
    if (terminal_) std::fprintf(stderr, "\r\x1b[K");
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// Tokens per second since the first step shown; nothing before the second.
  std::string speed_text(const StepMetrics& step, Clock::time_point now) {
    if (!first_tokens_) {
      first_tokens_ = step.tokens;
      first_shown_ = now;
      return "";
    }
    const double seconds = std::chrono::duration<double>(now - first_shown_).count();
    return "  " + si_text(static_cast<double>(step.tokens - *first_tokens_) / seconds) +
           " tokens/s";
  }

  std::int64_t n_steps_;
  std::optional<std::int64_t> first_tokens_;
  Clock::time_point first_shown_;
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  std::chrono::steady_clock::time_point last_;
};

int finish(const RunRecord& record) {
  std::printf("%s %s", record.run_id.c_str(), std::string(to_string(record.outcome)).c_str());
  if (record.validation) {
    std::printf(": %.4f nats/token, %.4f bits/byte on %lld validation tokens",
                record.validation->loss_nats, record.validation->bits_per_byte,
                static_cast<long long>(record.validation->tokens));
  }
  std::printf("\n%lld steps, %s, %s tokens/s, %sFLOP/s, %s on %s\n",
              static_cast<long long>(record.steps_done), duration_text(record.wall_seconds).c_str(),
              si_text(record.tokens_per_second).c_str(), si_text(record.flops_per_second).c_str(),
              (si_text(static_cast<double>(record.peak_memory_bytes)) + "B").c_str(),
              record.device.c_str());
  if (record.mfu) std::printf("MFU %.1f %%\n", 100 * *record.mfu);
  if (!record.message.empty()) std::fprintf(stderr, "isoflop: %s\n", record.message.c_str());
  return record.outcome == RunOutcome::completed ? kDone : kFailures;
}

int train_command(const Options& options) {
  const JsonFile file = read_json_file(options.spec);
  const RunSpec spec =
      run_spec_from_json(patched(file.document, options.settings).dump(), file.name);
  if (options.n_threads > spec.data_parallel) {
    std::fprintf(
        stderr,
        "isoflop: --dp %d: the spec has %lld data_parallel ranks, so many threads carry them\n",
        options.n_threads, static_cast<long long>(spec.data_parallel));
  }
  const auto dataset = find_dataset(spec.dataset, data_root(options.data_root));
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  StepDisplay display(spec.n_steps);
  RunOneOptions run_options;
  run_options.folder = options.out.empty() ? std::filesystem::path("runs") / run_id(spec)
                                           : std::filesystem::path(options.out);
  run_options.device = options.device;
  run_options.n_threads = options.n_threads;
  run_options.tensor_parallel = options.tensor_parallel;
  // A run of one rank has nothing to share: a sweep's workers may be anywhere.
  if (options.n_threads * options.tensor_parallel > 1) {
    run_options.launch = launch_environment(process_environment());
  }
  const bool speaks = run_options.launch.process == 0;
  run_options.seconds_between_checkpoints = options.checkpoint_seconds;
  run_options.peak_flops_per_second = options.peak_flops;
  run_options.trunk_folder = options.trunk;
  run_options.stop = [] { return stop_requested != 0; };
  run_options.on_step = [&](const StepMetrics& step) { display.show(step); };
  const RunRecord record = run_one(spec, *dataset, run_options);
  if (!speaks) return record.outcome == RunOutcome::completed ? kDone : kFailures;
  display.finish();
  return finish(record);
}

}  // namespace

void add_train_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("train", "One run; the same command continues it");
  command->add_option("spec", options->spec, "Spec file")->required();
  command->add_option("--set", options->settings, "/json/pointer=value, changes the spec")
      ->take_all();
  command->add_option("--out", options->out, "Run folder (default: runs/<run_id>)");
  command->add_option("--device", options->device, "cpu or cuda")->capture_default_str();
  command
      ->add_option("--dp", options->n_threads,
                   "Threads that carry the spec's data_parallel ranks; no bit depends on them")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command
      ->add_option("--tp", options->tensor_parallel,
                   "Threads that share each model; changes the rounding of sums")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command
      ->add_option("--checkpoint-seconds", options->checkpoint_seconds,
                   "What an interruption may cost")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--peak-flops", options->peak_flops,
                   "FLOP/s of the device, as measured or by its data sheet, for the record's MFU")
      ->check(CLI::PositiveNumber);
  command->add_option("--trunk", options->trunk,
                      "Folder where runs that differ in length and decay alone, one at a time, "
                      "leave what they share and begin");
  command->add_option("--data-root", options->data_root,
                      "Folder of data sets (default: $ISOFLOP_DATA, else ./data)");
  command->callback([options, &exit_code] { exit_code = train_command(*options); });
}

}  // namespace isoflop::cli
