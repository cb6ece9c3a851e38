// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>

#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "commands.h"
#include "environment.h"
#include "isoflop/error.h"
#include "isoflop/run.h"
#include "run/run_pack.h"
#include "spec_patch.h"
#include "stop_signal.h"
#include "train/device/device.h"
#include "train/ranks/launch_environment.h"

namespace isoflop::cli {
namespace {

struct TrainArguments {
  std::string spec, out, device = "cpu", data_root, trunk;
  std::vector<std::string> settings;
  std::vector<std::pair<std::string, std::string>> beside;  // run folder, trunk folder or "-"
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

std::string summary(const RunRecord& record) {
  std::string text = record.run_id + " " + std::string(to_string(record.outcome));
  if (record.validation) {
    char losses[120];
    std::snprintf(losses, sizeof losses,
                  ": %.4f nats/token, %.4f bits/byte on %lld validation tokens",
                  record.validation->loss_nats, record.validation->bits_per_byte,
                  static_cast<long long>(record.validation->tokens));
    text += losses;
  }
  text += "\n" + std::to_string(record.steps_done) + " steps, " +
          duration_text(record.wall_seconds) + ", " + si_text(record.tokens_per_second) +
          " tokens/s, " + si_text(record.flops_per_second) + "FLOP/s, " +
          si_text(static_cast<double>(record.peak_memory_bytes)) + "B on " + record.device + "\n";
  if (record.mfu) {
    char mfu[40];
    std::snprintf(mfu, sizeof mfu, "MFU %.1f %%\n", 100 * *record.mfu);
    text += mfu;
  }
  return text;
}

std::string complaint(const std::string& message) {
  return message.empty() ? "" : "isoflop: " + message + "\n";
}

ExitCode ending(const RunRecord& record) {
  return record.outcome == RunOutcome::completed ? kDone : kFailures;
}

int finish(const RunRecord& record) {
  std::printf("%s", summary(record).c_str());
  std::fflush(stdout);  // where both go to one file, the reason comes last
  std::fprintf(stderr, "%s", complaint(record.message).c_str());
  return ending(record);
}

/// The runs of a pack write where each of them would write alone: to the log.txt of its folder.
int train_pack(const TrainArguments& options, const RunSpec& spec, const RunOneOptions& run_options,
               const Dataset& dataset) {
  if (options.n_threads * options.tensor_parallel > 1) {
    throw Error(ErrorCode::invalid_argument, "--beside: runs of a pack have one rank each");
  }
  std::vector<PackedRun> runs = {
      {.spec = spec, .folder = run_options.folder, .trunk_folder = run_options.trunk_folder}};
  for (const auto& [folder, trunk] : options.beside) {
    runs.push_back({.spec = load_run_spec(std::filesystem::path(folder) / "spec.json"),
                    .folder = folder,
                    .trunk_folder = trunk == "-" ? "" : trunk});
    if (runs.back().spec.dataset != spec.dataset) {
      throw Error(ErrorCode::invalid_argument,
                  folder + "/spec.json: /dataset: must be \"" + spec.dataset +
                      "\", as for all of a pack, got \"" + runs.back().spec.dataset + "\"");
    }
  }
  const auto ends = run_pack(runs, dataset, run_options, [&](std::size_t i, const PackedEnd& end) {
    std::ofstream log(runs[i].folder / "log.txt", std::ios::app);
    if (end.record) log << summary(*end.record);
    log << complaint(end.record ? end.record->message : end.error);
  });
  const bool all_completed = std::all_of(ends.begin(), ends.end(), [](const PackedEnd& end) {
    return end.record && end.record->outcome == RunOutcome::completed;
  });
  return all_completed ? kDone : kFailures;
}

int train_command(const TrainArguments& options) {
  (void)find_devices(options.device);  // before anything is written
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
  catch_stop_signals();
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
  run_options.stop = stop_requested;
  run_options.on_wait = [](const std::string& what) {
    std::fprintf(stderr, "isoflop: %s\n", what.c_str());
  };
  if (!options.beside.empty()) return train_pack(options, spec, run_options, *dataset);
  run_options.on_step = [&](const StepMetrics& step) { display.show(step); };
  const RunRecord record = run_one(spec, *dataset, run_options);
  if (!speaks) return ending(record);
  display.finish();
  return finish(record);
}

}  // namespace

void add_train_command(Command& program) {
  auto options = std::make_shared<TrainArguments>();
  Command& command = program.add_subcommand("train", "One run; the same command continues it");
  command.add_argument("spec", options->spec, "Spec file");
  command.add_option("--set", options->settings, "/json/pointer=value, changes the spec");
  command.add_option("--out", options->out, "Run folder (default: runs/<run_id>)");
  command.add_option("--device", options->device,
                     "cpu; cuda, of which rank n takes GPU n; or cuda:N, that GPU",
                     {.show_default = true});
  command.add_option("--dp", options->n_threads,
                     "Threads that carry the spec's data_parallel ranks; no bit depends on them",
                     {.show_default = true, .range = Range{1, 1024}});
  command.add_option("--tp", options->tensor_parallel,
                     "Threads that share each model; changes the rounding of sums",
                     {.show_default = true, .range = Range{1, 1024}});
  command.add_option("--checkpoint-seconds", options->checkpoint_seconds,
                     "What an interruption may cost", {.show_default = true, .non_negative = true});
  command.add_option("--peak-flops", options->peak_flops,
                     "FLOP/s of the device, as measured or by its data sheet, for the record's MFU",
                     {.range = Range{1, 1e24}});
  command.add_option("--trunk", options->trunk,
                     "Folder where runs that differ in length and decay alone, one at a time, "
                     "leave what they share and begin");
  command.add_option(
      "--beside", options->beside,
      "Run folder with a spec.json, and the trunk folder of that run or -: trained at "
      "the same time in this process, with the same bits as alone",
      {.value_name = "RUN TRUNK", .excludes = "--set"});
  command.add_option("--data-root", options->data_root,
                     "Folder of data sets (default: $ISOFLOP_DATA, else ./data)");
  command.set_action([options] { return train_command(*options); });
}

}  // namespace isoflop::cli
