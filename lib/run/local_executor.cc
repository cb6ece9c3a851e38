// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <thread>

#include <sched.h>
#include <signal.h>

#include "base/atomic_file.h"
#include "isoflop/error.h"
#include "isoflop/run.h"
#include "run/child_process.h"
#include "run/pack_plan.h"
#include "run/run_files.h"
#include "run/sweep_status.h"
#include "run/sweep_trunks.h"
#include "run/worker_command.h"

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

/// By default a worker per device; a CPU is one device of many cores.
int count_jobs(const SweepOptions& options) {
  if (options.n_jobs > 0) return options.n_jobs;
  return options.devices.front() == "cpu" ? available_cores()
                                          : static_cast<int>(options.devices.size());
}

/// A child of ours and what it trains.
struct Worker {
  int number = 0;  // below n_jobs, of no other worker at the time
  std::vector<ClaimedRun> runs;
  ChildProcess child;
  std::optional<int> ended = {};  // how, as waitpid() says
};

class LocalExecutor {
 public:
  LocalExecutor(const SweepFolder& sweep, const Plan& plan, const SweepOptions& options)
      : sweep_(sweep),
        plan_(plan),
        options_(options),
        store_(sweep.runs()),
        trunks_(sweep.trunks(), plan.runs),
        n_jobs_(count_jobs(options)) {
    for (const PlannedRun& run : plan.runs) {
      status_.cells.push_back(cell_status(sweep, run));
      memory_bytes_.push_back(options.pack > 1 ? options.memory_need(run.spec) : 0);
    }
    alone_.resize(status_.cells.size());
    failed_here_.resize(status_.cells.size());
  }

  SweepStatus run() {
    Seconds pause = kShortestPause;
    tidy_finished();
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
  [[nodiscard]] static bool is_done(const CellStatus& cell) {
    return cell.state == CellState::completed || cell.state == CellState::diverged;
  }
  [[nodiscard]] bool is_ours(std::size_t i) const {
    return std::any_of(workers_.begin(), workers_.end(), [i](const Worker& worker) {
      return std::any_of(worker.runs.begin(), worker.runs.end(),
                         [i](const ClaimedRun& run) { return run.cell == i; });
    });
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

  [[nodiscard]] int n_free() const { return n_jobs_ - static_cast<int>(workers_.size()); }

  /// Gives free workers the cheapest runs that nobody holds. Whether anything changed.
  bool start_what_is_free() {
    if (n_free() <= 0) return false;
    bool changed = false;
    std::vector<ReadyRun> ready = ready_runs();
    while (n_free() > 0 && !ready.empty()) {
      const std::vector<std::size_t> pack =
          next_pack(ready, {options_.pack, options_.pack_memory_bytes, n_free()});
      changed |= try_start(pack);
      std::erase_if(ready, [&](const ReadyRun& run) {
        return std::find(pack.begin(), pack.end(), run.cell) != pack.end();
      });
    }
    return changed;
  }

  /// At most one of each trunk, cheapest first.
  [[nodiscard]] std::vector<ReadyRun> ready_runs() {
    std::vector<ReadyRun> ready;
    for (std::size_t i = 0; i < status_.cells.size(); ++i) {
      if (is_left(i) && is_its_turn(i)) ready.push_back({i, memory_bytes_[i], alone_[i]});
    }
    return ready;
  }

  /// Runs of one trunk take turns, shortest first. One that failed here is not waited for.
  [[nodiscard]] bool is_its_turn(std::size_t i) {
    if (!trunks_.has(i)) return true;
    for (const std::size_t before : trunks_.before(i)) {
      if (is_left(before)) return false;
    }
    if (!RunClaim::is_held(trunks_.folder(i))) return true;
    CellStatus& cell = status_.cells[i];
    cell.state = RunClaim::is_held(folder(cell)) ? CellState::running : CellState::waiting;
    return false;
  }

  /// Whether anything changed.
  bool try_start(const std::vector<std::size_t>& pack) {
    bool changed = false;
    std::vector<ClaimedRun> runs;
    for (const std::size_t i : pack) {
      std::optional<ClaimedRun> run = claim(i);
      changed |= run || is_done(status_.cells[i]);
      if (run) runs.push_back(std::move(*run));
    }
    if (!runs.empty()) start(std::move(runs));
    return changed;
  }

  /// Nothing where somebody else holds the run, or has finished it.
  [[nodiscard]] std::optional<ClaimedRun> claim(std::size_t i) {
    CellStatus& cell = status_.cells[i];
    std::optional<RunClaim> claim = RunClaim::acquire(folder(cell));
    if (!claim) {
      cell.state = CellState::running;  // by someone else
      return std::nullopt;
    }
    // Another launcher may have finished it since we looked: only under the claim is this final.
    RecordFile file = read_record(store_, cell.run.run_id);
    if (!file.damage.empty()) {
      const std::filesystem::path aside = set_aside(folder(cell) / "record.json");
      status_.warnings.push_back(file.damage + "; kept as " + aside.filename().string() +
                                 ", the run is done again");
    }
    if (file.is_final()) {
      finish(cell, std::move(*file.record));
      return std::nullopt;
    }
    std::optional<RunClaim> trunk_claim;
    if (trunks_.has(i)) {
      trunk_claim = RunClaim::acquire(trunks_.folder(i));
      if (!trunk_claim) return std::nullopt;
    }
    return ClaimedRun{i, folder(cell), trunks_.folder(i), std::move(*claim),
                      std::move(trunk_claim)};
  }

  void start(std::vector<ClaimedRun> runs) {
    for (const ClaimedRun& run : runs) {
      CellStatus& cell = status_.cells[run.cell];
      tidy(run.folder);
      if (run.trunk_claim) remove_abandoned_temporaries(run.trunk_folder / "metrics.jsonl");
      save_run_spec(cell.run.spec, run.folder / "spec.json");
      cell.state = CellState::running;
      cell.message.clear();
    }
    const int number = free_number();
    const auto device = static_cast<std::size_t>(number) % options_.devices.size();
    ChildProcess child(worker_command(options_, options_.devices[device], runs));
    workers_.push_back({number, std::move(runs), std::move(child)});
  }

  [[nodiscard]] int free_number() const {
    int number = 0;
    const auto is_taken = [&](const Worker& worker) { return worker.number == number; };
    while (std::any_of(workers_.begin(), workers_.end(), is_taken)) ++number;
    return number;
  }

  void remove_finished_trunks() const {
    trunks_.remove_finished([this](std::size_t i) { return is_done(status_.cells[i]); });
    if (workers_.empty() && !anything_left()) trunks_.remove_root();
  }

  /// Only under the claim.
  void finish(CellStatus& cell, RunRecord record) {
    cell = finished_cell(cell.run, std::move(record));
    points_are_stale_ = true;
    remove_checkpoint(folder(cell));
  }

  /// Of a final run, left by a trainer that was killed between its record and this.
  static void remove_checkpoint(const std::filesystem::path& run_folder) {
    std::error_code ignored;
    std::filesystem::remove_all(run_folder / "checkpoint", ignored);
  }

  /// What earlier launches did not come to. A run that somebody holds is his to tidy.
  void tidy_finished() const {
    for (const CellStatus& cell : status_.cells) {
      std::error_code ignored;
      if (!is_done(cell) || !std::filesystem::exists(folder(cell) / "checkpoint", ignored)) {
        continue;
      }
      if (RunClaim::acquire(folder(cell))) remove_checkpoint(folder(cell));
    }
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
      Worker& worker = workers_[w];
      if (!worker.ended) worker.ended = worker.child.poll();
      // Who was told to end may be the children of a script, which has ended at once.
      if (!worker.ended || (ending_ && worker.child.has_heirs())) {
        ++w;
        continue;
      }
      worker.child.send(SIGKILL);  // those that are left would hold the claim for ever
      judge(worker, *worker.ended);
      workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(w));
      any = true;
    }
    return any;
  }

  void judge(const Worker& worker, int wait_status) {
    for (const ClaimedRun& run : worker.runs) {
      judge(run.cell, wait_status, worker.runs.size() > 1);
    }
  }

  /// The record decides, the exit status only explains.
  void judge(std::size_t i, int wait_status, bool was_packed) {
    CellStatus& cell = status_.cells[i];
    RecordFile file = read_record(store_, cell.run.run_id);
    if (file.is_final()) return finish(cell, std::move(*file.record));
    if (ending_ || was_packed) {
      // Who ended the pack, and whether this run fits the device by itself, shows when it is alone.
      cell.state = CellState::waiting;
      alone_[i] = was_packed;
      return;
    }
    std::string why = file.complaint();
    if (why.empty()) {
      const std::string line = last_line(folder(cell) / "log.txt");
      why = describe_wait_status(wait_status) + " without a record" +
            (line.empty() ? "" : "; its last words: " + line);
    }
    fail(cell, why);
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
      if (!worker.ended) worker.ended = worker.child.wait();
      judge(worker, *worker.ended);
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
    sum_up(status_, n_jobs_ * options_.pack);
    if (options_.on_progress) options_.on_progress(status_);
  }

  /// With the runs that were added since we began: the points are of them, too.
  [[nodiscard]] Plan grown_plan() const {
    try {
      Plan now = load_plan(sweep_.plan_file());
      return now.runs.size() > plan_.runs.size() ? now : plan_;
    } catch (const Error&) {
      return plan_;
    }
  }

  void rebuild_points() {
    save_points_csv(collect_points(sweep_, grown_plan()).points, sweep_.points_file());
    points_are_stale_ = false;
    points_written_ = Clock::now();
  }

  const SweepFolder& sweep_;
  const Plan& plan_;
  const SweepOptions& options_;
  const RunStore store_;
  const SweepTrunks trunks_;
  const int n_jobs_;
  SweepStatus status_;
  std::vector<std::int64_t> memory_bytes_;  // of each cell; 0 where nothing is packed
  std::vector<bool> failed_here_;
  std::vector<bool> alone_;  // was in a pack that ended without its record
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
  if (options.devices.empty()) {
    throw Error(ErrorCode::invalid_argument, "devices: must name at least one");
  }
  if (options.pack < 1 || (options.pack > 1 && !options.memory_need)) {
    throw Error(ErrorCode::invalid_argument,
                "pack: must be > 0, and comes with memory_need where it is > 1, got " +
                    std::to_string(options.pack));
  }
  return LocalExecutor(sweep, plan, options).run();
}

}  // namespace isoflop
