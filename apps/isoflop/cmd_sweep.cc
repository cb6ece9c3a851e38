// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "base/json.h"
#include "base/text.h"
#include "commands.h"
#include "environment.h"
#include "isoflop/error.h"
#include "isoflop/run.h"
#include "plan_source.h"
#include "stop_signal.h"
#include "sweep_display.h"
#include "train/device/device.h"
#include "train/memory_need.h"
#include "train/ranks/mesh.h"
#include "train/ranks/solo_communicator.h"

namespace isoflop::cli {
namespace {

struct SweepArguments {
  PlanSource source;
  std::string out, device = "cpu", executor = "local", trainer;
  int jobs = 0, pack = 1;
  double checkpoint_seconds = 300;
  bool drop_runs = false;
};

std::filesystem::path sweep_folder(const SweepArguments& options, const ResolvedPlan& resolved) {
  if (resolved.from_sweep && !options.out.empty()) {
    throw Error(ErrorCode::invalid_argument, "--out: the sweep folder " +
                                                 options.source.experiment_or_sweep +
                                                 " is where its runs go, got " + options.out);
  }
  if (resolved.from_sweep && options.drop_runs) {
    throw Error(ErrorCode::invalid_argument,
                "--drop-runs: is for an experiment's plan; the sweep folder " +
                    options.source.experiment_or_sweep + " has its own");
  }
  if (resolved.from_sweep) return options.source.experiment_or_sweep;
  if (!options.out.empty()) return options.out;
  return std::filesystem::path("sweeps") /
         std::filesystem::path(options.source.experiment_or_sweep).stem();
}

/// Two experiment files of one name have the same default folder.
OldRuns old_runs(const SweepArguments& options) {
  if (options.drop_runs) return OldRuns::may_leave;
  return options.out.empty() ? OldRuns::must_stay : OldRuns::may_leave_if_not_begun;
}

int report_ending(const SweepStatus& status, const std::string& folder) {
  const std::int64_t completed = status.count(CellState::completed);
  const std::int64_t diverged = status.count(CellState::diverged);
  const std::int64_t n = static_cast<std::int64_t>(status.cells.size());
  for (const CellStatus& cell : status.cells) {
    if (cell.state == CellState::failed) {
      std::fprintf(stderr, "failed: %s (%s/runs/%s/log.txt)\n", describe(cell).c_str(),
                   folder.c_str(), cell.run.run_id.c_str());
    }
  }
  std::printf("%s: %lld of %lld runs completed", folder.c_str(), static_cast<long long>(completed),
              static_cast<long long>(n));
  if (diverged > 0) std::printf(", %lld diverged", static_cast<long long>(diverged));
  if (completed + diverged < n) {
    std::printf(", %lld to do: the same command goes on",
                static_cast<long long>(n - completed - diverged));
  }
  std::printf("\n");
  return completed + diverged == n ? kDone : kFailures;
}

/// Lets workers pack runs as far as the device with the least memory left has room for them.
void allow_packs(SweepOptions& options, int pack) {
  if (pack > 1 && kind_of(options.devices.front()) == "cpu") {
    throw Error(ErrorCode::invalid_argument,
                "--pack: only on GPUs are runs trained side by side, on the CPU --jobs does that; "
                "must be 1, got " +
                    std::to_string(pack));
  }
  options.pack = pack;
  if (pack == 1) return;
  const auto n_devices = static_cast<int>(options.devices.size());
  const int n_jobs = std::max(options.n_jobs, n_devices);
  std::shared_ptr<const Backend> backend;
  for (const std::string& device : options.devices) {
    backend = make_backend(device, 0);
    // A tenth is left for the contexts of the workers, for graphs, and for what is rounded up.
    const std::int64_t usable = backend->available_memory() / 10 * 9;
    options.pack_memory_bytes =
        std::min(options.pack_memory_bytes, usable / ((n_jobs + n_devices - 1) / n_devices));
  }
  options.memory_need = [backend](const RunSpec& spec) {
    SoloCommunicator world;
    return memory_needed(spec, Mesh(world, 1), *backend);
  };
}

int sweep(const SweepArguments& options) {
  if (options.executor != "local") {
    throw Error(ErrorCode::unavailable,
                "--executor: this build has local, not " + options.executor);
  }
  SweepOptions sweep_options;
  sweep_options.n_jobs = options.jobs;
  // What our own trainer would find out run by run. Another one may know devices that we do not.
  sweep_options.devices = options.trainer.empty() ? find_devices(options.device)
                                                  : std::vector<std::string>{options.device};
  allow_packs(sweep_options, options.pack);
  catch_stop_signals();
  const ResolvedPlan resolved = resolve_plan(options.source);
  const std::filesystem::path folder = sweep_folder(options, resolved);
  const RunClaim claim = resolved.from_sweep
                             ? RunClaim::share(folder)
                             : claim_sweep({folder}, resolved.plan, old_runs(options));
  for (const std::string& warning : resolved.plan.warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  // Workers find the data where this process does.
  setenv("ISOFLOP_DATA", data_root(options.source.data_root).c_str(), 1);
  SweepDisplay display(folder.filename().string());
  sweep_options.trainer = {options.trainer.empty() ? executable().string() : options.trainer};
  sweep_options.trainer_options = {"--checkpoint-seconds", exact_text(options.checkpoint_seconds)};
  sweep_options.on_progress = [&](const SweepStatus& status) { display.update(status); };
  sweep_options.stop = stop_requested;
  const SweepFolder sweep{folder};
  const SweepStatus status = run_sweep(sweep, resolved.plan, sweep_options);
  display.finish();
  return report_ending(status, folder.string());
}

Json as_json(const SweepStatus& status) {
  Json cells = Json::array();
  std::map<double, double> best;
  for (const CellStatus& cell : status.cells) {
    Json json = Json::object({{"run_id", cell.run.run_id},
                              {"budget", cell.run.budget},
                              {"state", to_string(cell.state)},
                              {"progress", cell.progress}});
    if (cell.collapse) json.set("collapse_residual", cell.collapse->residual);
    if (cell.state == CellState::completed) {
      const double bits = cell.record->validation->bits_per_byte;
      json.set("bits_per_byte", bits);
      const auto [entry, fresh] = best.emplace(cell.run.budget, bits);
      if (!fresh) entry->second = std::min(entry->second, bits);
    }
    cells.push_back(json);
  }
  Json best_json = Json::array();
  for (const auto& [budget, bits] : best) {
    best_json.push_back(Json::object({{"budget", budget}, {"bits_per_byte", bits}}));
  }
  Json json = Json::object({{"schema", "isoflop.status/1"}});
  for (const CellState state : {CellState::waiting, CellState::running, CellState::completed,
                                CellState::diverged, CellState::failed}) {
    json.set(std::string(to_string(state)), status.count(state));
  }
  json.set_if("eta_seconds", status.eta_seconds);
  return json.set("compute_done", status.compute_done)
      .set("compute_total", status.compute_total)
      .set("best", best_json)
      .set("warnings", Json::array_of(status.warnings))
      .set("cells", cells);
}

void print_status(const SweepStatus& status) {
  std::map<double, const CellStatus*> best;
  for (const CellStatus& cell : status.cells) {
    if (cell.state == CellState::running) {
      std::printf("running %3.0f %%  %s %s\n", 100 * cell.progress,
                  short_name(cell.run.spec.shape).c_str(), cell.run.run_id.c_str());
    }
    if (cell.state == CellState::failed) std::printf("failed  %s\n", describe(cell).c_str());
    if (cell.state != CellState::completed) continue;
    const CellStatus*& leader = best[cell.run.budget];
    if (leader == nullptr ||
        cell.record->validation->bits_per_byte < leader->record->validation->bits_per_byte) {
      leader = &cell;
    }
  }
  for (const auto& [budget, cell] : best) std::printf("best  %s\n", describe(*cell).c_str());
  std::printf(
      "%lld completed, %lld running, %lld waiting, %lld diverged, %lld failed; %s %% of %s "
      "FLOPs\n",
      static_cast<long long>(status.count(CellState::completed)),
      static_cast<long long>(status.count(CellState::running)),
      static_cast<long long>(status.count(CellState::waiting)),
      static_cast<long long>(status.count(CellState::diverged)),
      static_cast<long long>(status.count(CellState::failed)), percent_done(status).c_str(),
      rounded_text(status.compute_total, 3).c_str());
}

struct StatusArguments {
  std::string folder;
  bool json = false;
};

void run_status(const StatusArguments& options) {
  const SweepFolder sweep{options.folder};
  SweepStatus status = sweep_status(sweep, load_plan(sweep.plan_file()));
  watch_collapse(sweep, status);
  for (const std::string& warning : status.warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  if (options.json) {
    std::printf("%s", as_json(status).pretty().c_str());
  } else {
    print_status(status);
  }
}

}  // namespace

void add_sweep_command(Command& program) {
  auto options = std::make_shared<SweepArguments>();
  Command& command = program.add_subcommand(
      "sweep", "Run what is not done yet; safe to repeat, to kill, to run twice");
  add_plan_source_options(command, options->source);
  command.add_option("--out", options->out, "Sweep folder (default: sweeps/<experiment>)");
  add_drop_runs_flag(command, options->drop_runs);
  command.add_option("--device", options->device,
                     "cpu; cuda, whose GPUs the workers share out; or cuda:N, that GPU",
                     {.show_default = true});
  command.add_option("--jobs", options->jobs, "Workers (default: one per GPU, or per core)",
                     {.range = Range{1, 4096}});
  command.add_option("--pack", options->pack,
                     "Runs that a worker trains side by side on its GPU, memory permitting; off by "
                     "default, as long as no measurement has shown a gain",
                     {.show_default = true, .range = Range{1, 64}});
  command.add_option("--checkpoint-seconds", options->checkpoint_seconds,
                     "What an interruption may cost a run",
                     {.show_default = true, .non_negative = true});
  command.add_option("--executor", options->executor, "local", {.show_default = true});
  command.add_option("--trainer", options->trainer,
                     "Another program that trains a spec as `isoflop train` does");
  command.set_action([options] { return sweep(*options); });
}

void add_status_command(Command& program) {
  auto options = std::make_shared<StatusArguments>();
  Command& command = program.add_subcommand("status", "What a sweep has done, and its best losses");
  command.add_argument("sweep", options->folder, "Sweep folder");
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    run_status(*options);
    return kDone;
  });
}

}  // namespace isoflop::cli
