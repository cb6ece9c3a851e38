// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <thread>

#include <sched.h>
#include <signal.h>

#include "base/atomic_file.h"
#include "isoflop/error.h"
#include "isoflop/run.h"
#include "run/child_process.h"
#include "run/run_files.h"
#include "run/sweep_status.h"

namespace isoflop {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Seconds kProgressInterval{0.25};
constexpr Seconds kPointsInterval{2};
constexpr Seconds kShortestPause{0.001}, kLongestPause{0.05};

int available_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

/// A run of ours. The claim is held here too: nobody else can take the run before its end has been
/// judged.
struct Worker {
  std::size_t cell = 0;
  RunClaim claim;
  std::optional<RunClaim> trunk_claim;
  ChildProcess child;
};

class LocalExecutor {
 public:
  LocalExecutor(const SweepFolder& sweep, const Plan& plan, const SweepOptions& options)
      : sweep_(sweep),
        plan_(plan),
        options_(options),
        store_(sweep.runs()),
        trunks_(shared_trunks(plan.runs)),
        n_jobs_(options.n_jobs > 0 ? options.n_jobs : available_cores()) {
    for (const PlannedRun& run : plan.runs) status_.cells.push_back(cell_status(sweep, run));
    failed_here_.resize(status_.cells.size());
    trunk_of_.resize(status_.cells.size());
    for (std::size_t t = 0; t < trunks_.size(); ++t) {
      for (const std::size_t i : trunks_[t].runs) trunk_of_[i] = t;
    }
  }

  SweepStatus run() {
    Seconds pause = kShortestPause;
    while (true) {
      const bool stopping = options_.stop && options_.stop();
      const bool moved = reap();
      if (stopping) break;
      const bool started = start_what_is_free();
      if (moved || started) remove_finished_trunks();
      if (workers_.empty() && !anything_left()) break;
      report(moved || started);
      pause = moved || started ? kShortestPause : std::min(kLongestPause, pause * 1.5);
      std::this_thread::sleep_for(pause);
    }
    end_workers();
    remove_finished_trunks();
    rebuild_points();
    report(true);
    return std::move(status_);
  }

 private:
  [[nodiscard]] std::filesystem::path folder(const CellStatus& cell) const {
    return store_.run_folder(cell.run.run_id);
  }
  /// Empty for a run that shares nothing.
  [[nodiscard]] std::filesystem::path trunk_folder(std::size_t i) const {
    return trunk_of_[i] ? sweep_.trunks() / trunks_[*trunk_of_[i]].trunk_id
                        : std::filesystem::path();
  }
  [[nodiscard]] static bool is_done(const CellStatus& cell) {
    return cell.state == CellState::completed || cell.state == CellState::diverged;
  }
  [[nodiscard]] bool is_ours(std::size_t i) const {
    return std::any_of(workers_.begin(), workers_.end(),
                       [i](const Worker& worker) { return worker.cell == i; });
  }
  /// Not final, not running here and not failed here: to be claimed, now or when its holder dies.
  [[nodiscard]] bool is_left(std::size_t i) const {
    return !is_done(status_.cells[i]) && !failed_here_[i] && !is_ours(i);
  }
  [[nodiscard]] bool anything_left() const {
    for (std::size_t i = 0; i < status_.cells.size(); ++i) {
      if (is_left(i)) return true;
    }
    return false;
  }

  /// Gives free workers the cheapest runs that nobody holds. Whether anything changed.
  bool start_what_is_free() {
    bool changed = false;
    for (std::size_t i = 0; i < status_.cells.size(); ++i) {
      if (static_cast<int>(workers_.size()) >= n_jobs_) break;
      if (is_left(i)) changed |= try_start(i);
    }
    return changed;
  }

  /// Runs of one trunk take turns, shortest first. One that failed here is not waited for.
  [[nodiscard]] bool is_its_turn(std::size_t i) {
    if (!trunk_of_[i]) return true;
    for (const std::size_t before : trunks_[*trunk_of_[i]].runs) {
      if (before == i) break;
      if (is_left(before)) return false;
    }
    if (!RunClaim::is_held(trunk_folder(i))) return true;
    CellStatus& cell = status_.cells[i];
    cell.state = RunClaim::is_held(folder(cell)) ? CellState::running : CellState::waiting;
    return false;
  }

  bool try_start(std::size_t i) {
    if (!is_its_turn(i)) return false;
    CellStatus& cell = status_.cells[i];
    std::optional<RunClaim> claim = RunClaim::acquire(folder(cell));
    if (!claim) {
      cell.state = CellState::running;  // by someone else
      return false;
    }
    // Another launcher may have finished it since we looked: only under the claim is this final.
    RecordFile file = read_record(store_, cell.run.run_id);
    if (!file.damage.empty()) {
      const std::filesystem::path aside = set_aside(folder(cell) / "record.json");
      status_.warnings.push_back(file.damage + "; kept as " + aside.filename().string() +
                                 ", the run is done again");
    }
    if (file.is_final()) {
      cell = finished_cell(cell.run, std::move(*file.record));
      points_are_stale_ = true;
      return true;
    }
    std::optional<RunClaim> trunk_claim;
    if (trunk_of_[i]) {
      trunk_claim = RunClaim::acquire(trunk_folder(i));
      if (!trunk_claim) return false;
    }
    start(i, std::move(*claim), std::move(trunk_claim));
    return true;
  }

  void start(std::size_t i, RunClaim claim, std::optional<RunClaim> trunk_claim) {
    CellStatus& cell = status_.cells[i];
    tidy(folder(cell));
    save_run_spec(cell.run.spec, folder(cell) / "spec.json");
    ChildCommand command;
    command.argv = trainer_arguments(i);
    // One worker, one thread: two ranks beat two BLAS threads at every shape these models have.
    command.environment = {{"OPENBLAS_NUM_THREADS", "1"}, {"OMP_NUM_THREADS", "1"}};
    command.log = folder(cell) / "log.txt";
    command.inherited_descriptors = {claim.descriptor()};
    if (trunk_claim) {
      remove_abandoned_temporaries(trunk_folder(i) / "metrics.jsonl");
      command.inherited_descriptors.push_back(trunk_claim->descriptor());
    }
    ChildProcess child(command);
    workers_.push_back({i, std::move(claim), std::move(trunk_claim), std::move(child)});
    cell.state = CellState::running;
    cell.message.clear();
  }

  [[nodiscard]] std::vector<std::string> trainer_arguments(std::size_t i) const {
    const std::filesystem::path run_folder = folder(status_.cells[i]);
    std::vector<std::string> arguments = options_.trainer;
    const auto add = [&](std::initializer_list<std::string> more) {
      arguments.insert(arguments.end(), more);
    };
    add({"train", (run_folder / "spec.json").string(), "--out", run_folder.string(), "--device",
         options_.device});
    if (trunk_of_[i]) add({"--trunk", trunk_folder(i).string()});
    arguments.insert(arguments.end(), options_.trainer_options.begin(),
                     options_.trainer_options.end());
    return arguments;
  }

  /// Those all of whose runs are final: nobody begins there any more. The folder of all goes with
  /// the last one.
  void remove_finished_trunks() const {
    std::error_code ignored;
    for (const Trunk& trunk : trunks_) {
      const std::filesystem::path trunk_folder = sweep_.trunks() / trunk.trunk_id;
      const bool is_finished =
          std::all_of(trunk.runs.begin(), trunk.runs.end(),
                      [this](std::size_t i) { return is_done(status_.cells[i]); });
      if (is_finished && !RunClaim::is_held(trunk_folder)) {
        std::filesystem::remove_all(trunk_folder, ignored);
      }
    }
    if (workers_.empty() && !anything_left()) std::filesystem::remove(sweep_.trunks(), ignored);
  }

  /// Removes what earlier attempts left, their half-written files too. Only under the claim.
  static void tidy(const std::filesystem::path& run_folder) {
    clear_failure(run_folder);
    for (const char* name : {"spec.json", "metrics.jsonl", "record.json", "failure.json"}) {
      remove_abandoned_temporaries(run_folder / name);
    }
  }

  /// Judges the children that have ended. Whether there were any.
  bool reap() {
    bool any = false;
    for (std::size_t w = 0; w < workers_.size();) {
      const std::optional<int> ended = workers_[w].child.poll();
      if (!ended) {
        ++w;
        continue;
      }
      judge(workers_[w].cell, *ended);
      workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(w));
      any = true;
    }
    return any;
  }

  /// The record decides, the exit status only explains.
  void judge(std::size_t i, int wait_status) {
    CellStatus& cell = status_.cells[i];
    RecordFile file = read_record(store_, cell.run.run_id);
    if (file.is_final()) {
      cell = finished_cell(cell.run, std::move(*file.record));
      points_are_stale_ = true;
      return;
    }
    if (ending_) {
      cell.state = CellState::waiting;
      return;
    }
    cell.state = CellState::failed;
    cell.message = file.complaint();
    if (cell.message.empty()) {
      const std::string line = last_line(folder(cell) / "log.txt");
      cell.message = describe_wait_status(wait_status) + " without a record" +
                     (line.empty() ? "" : "; its last words: " + line);
    }
    failed_here_[i] = true;
    note_failure(folder(cell), cell.message);
  }

  /// SIGTERM, so that trainers write a checkpoint; SIGKILL for those that take too long.
  void end_workers() {
    ending_ = true;
    for (Worker& worker : workers_) worker.child.send(SIGTERM);
    const auto deadline = Clock::now() + Seconds(options_.stop_grace_seconds);
    while (!workers_.empty() && Clock::now() < deadline) {
      if (!reap()) std::this_thread::sleep_for(kShortestPause);
    }
    for (Worker& worker : workers_) {
      worker.child.send(SIGKILL);
      judge(worker.cell, worker.child.wait());
    }
    workers_.clear();
  }

  void report(bool now) {
    const auto time = Clock::now();
    if (points_are_stale_ && time - points_written_ > kPointsInterval) rebuild_points();
    if (!now && time - reported_ < kProgressInterval) return;
    reported_ = time;
    for (CellStatus& cell : status_.cells) {
      if (cell.state == CellState::running) cell.progress = run_progress(sweep_, cell.run);
    }
    sum_up(status_, n_jobs_);
    if (options_.on_progress) options_.on_progress(status_);
  }

  void rebuild_points() {
    save_points_csv(collect_points(sweep_, plan_).points, sweep_.points_file());
    points_are_stale_ = false;
    points_written_ = Clock::now();
  }

  const SweepFolder& sweep_;
  const Plan& plan_;
  const SweepOptions& options_;
  const RunStore store_;
  const std::vector<Trunk> trunks_;
  const int n_jobs_;
  std::vector<std::optional<std::size_t>> trunk_of_;  // of each cell
  SweepStatus status_;
  std::vector<bool> failed_here_;
  std::vector<Worker> workers_;
  bool ending_ = false;
  bool points_are_stale_ = false;
  Clock::time_point points_written_ = Clock::now(), reported_{};
};

}  // namespace

SweepStatus run_sweep(const SweepFolder& sweep, const Plan& plan, const SweepOptions& options) {
  if (options.trainer.empty()) {
    throw Error(ErrorCode::invalid_argument, "trainer: must name a program");
  }
  return LocalExecutor(sweep, plan, options).run();
}

}  // namespace isoflop
