// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "isoflop/dataset.h"
#include "isoflop/plan.h"
#include "isoflop/point.h"
#include "isoflop/run_record.h"
#include "isoflop/train.h"

namespace isoflop {

/// A sweep on disk: experiment.json, plan.json, runs/, points.csv, and trunks/ while runs are left
/// that begin there.
struct SweepFolder {
  std::filesystem::path root;
  [[nodiscard]] std::filesystem::path experiment_file() const { return root / "experiment.json"; }
  [[nodiscard]] std::filesystem::path plan_file() const { return root / "plan.json"; }
  [[nodiscard]] std::filesystem::path runs() const { return root / "runs"; }
  [[nodiscard]] std::filesystem::path trunks() const { return root / "trunks"; }
  [[nodiscard]] std::filesystem::path points_file() const { return root / "points.csv"; }
};

/// What may become of runs that are in a folder's old plan and not in its new one. Their folders
/// stay in any case, but they leave the points.
enum class OldRuns {
  may_leave,
  may_leave_if_not_begun,
  must_stay,
};

/// Makes the folder and writes experiment.json and plan.json. Runs that are there already stay:
/// what a new plan shares with an old one is not run again. Throws Error(invalid_argument), and
/// writes nothing, where a run of the old plan would leave against `old_runs`, or leave a sweep
/// that somebody runs; where the old plan cannot be read, every run of the folder counts as one of
/// it.
void save_sweep(const SweepFolder& sweep, const Plan& plan,
                OldRuns old_runs = OldRuns::may_leave_if_not_begun);

/// waiting: not begun, or interrupted. failed: the last attempt left no valid record; it is tried
/// again by the next run_sweep().
enum class CellState { waiting, running, completed, diverged, failed };
[[nodiscard]] std::string_view to_string(CellState);

/// How far a run's training loss, normalised, is from the curve that the runs like it share: one
/// that is far is mis-scaled or broken, and shows it early (arXiv:2507.02119, arXiv:2509.25087).
struct CollapseResidual {
  double residual = 0;      // root mean square, as a share of the loss
  double typical = 0;       // the median of the residuals of all runs compared
  std::int64_t n_runs = 0;  // that it was compared with
  double progress = 0;      // the share of the run that was compared
  bool is_outlier = false;  // residual above 5 times the typical one, and above 2 %
};

struct CellStatus {
  PlannedRun run;
  CellState state = CellState::waiting;
  double progress = 0;  // share of the steps done
  std::optional<RunRecord> record;
  std::string message;                            // why it failed
  std::optional<CollapseResidual> collapse = {};  // watch_collapse() fills it in
};

struct SweepStatus {
  std::vector<CellStatus> cells;               // in plan order
  double compute_done = 0, compute_total = 0;  // steps that runs share counted once
  std::optional<double> eta_seconds;           // where a run has been timed and something is left
  std::vector<std::string> warnings;           // e.g. records that were damaged and done again
  [[nodiscard]] std::int64_t count(CellState state) const;
};

/// What is done, running (its lock is held by a living process) and failed.
[[nodiscard]] SweepStatus sweep_status(const SweepFolder& sweep, const Plan& plan);

/// What whoever uses the points of the sweep should know: how many of its runs are missing, and
/// why; records that are damaged, by file. Empty where every run is final.
[[nodiscard]] std::vector<std::string> unfinished_warnings(const SweepStatus& status);

/// Fills in the cells' `collapse` and warns of outliers: by the loss curve of the record, or of
/// metrics.jsonl where there is no record or none in it. Runs of one kind,
/// schedule and data set are compared, each over the share of its course that it has done, with
/// those that have done as much. Nothing is said of diverged runs, of those in their first fifth,
/// and where fewer than six can be compared.
void watch_collapse(const SweepFolder& sweep, SweepStatus& status);

struct SweepOptions {
  int n_jobs = 0;  // workers; 0: as many as devices, on the CPU as many as cores
  /// Worker number i trains on the i-th of them, modulo how many there are.
  std::vector<std::string> devices = {"cpu"};
  /// The program that trains one run, with its leading arguments. It is called as
  ///   <trainer...> train <run folder>/spec.json --out <run folder> --device <device>
  ///     [--trunk <folder>] [--beside <run folder> <trunk folder or ->]... <options...>
  /// where --trunk is given to runs that share their first stage with others of the plan, with
  /// stdout and stderr appended to <run folder>/log.txt. It has succeeded when it has written
  /// a record.json that names the run, whatever its exit status; on SIGTERM it should write a
  /// checkpoint and end.
  std::vector<std::string> trainer;
  std::vector<std::string> trainer_options;
  /// At most so many runs make a pack, which one worker trains side by side (--beside). Those that
  /// are still to do when it ends are tried again one by one. A trainer that has no --beside needs
  /// 1.
  int pack = 1;
  /// What a run takes, and what all runs of a pack may take together. A run that takes more goes by
  /// itself. Only asked where pack > 1.
  std::function<std::int64_t(const RunSpec&)> memory_need;
  std::int64_t pack_memory_bytes = INT64_MAX;
  std::function<void(const SweepStatus&)> on_progress;  // several times a second
  std::function<bool()> stop;                           // polled; true: end workers and return
  double stop_grace_seconds = 10;                       // from SIGTERM to SIGKILL
};

/// Runs what is not done yet, cheapest first, one child process per run or pack of runs. Safe to
/// repeat, to kill at any moment and to run twice at a time: a run is claimed by a lock that dies
/// with its trainer, and trainers die with their launcher. The runs of one trunk are trained one
/// after the other, shortest first, while others go on beside them; what they share is kept in
/// trunks/<trunk_id> until all of them are final. A run that fails holds up none of them. A run
/// whose trainer leaves no valid record is `failed` and not tried again by this call. Returns when
/// every run is final, failed here, or `stop` says so; runs that another launcher holds are waited
/// for. Returns the final status, and leaves points.csv rebuilt.
SweepStatus run_sweep(const SweepFolder& sweep, const Plan& plan, const SweepOptions& options);

/// Points of the completed runs in plan order; the frame is the plan's data set and tokenizer, bits
/// per byte, deepseek_m_actual. points.csv is this, saved: a function of plan and records. A
/// damaged record counts as a skipped row. `collapse_outlier` is CollapseResidual::is_outlier among
/// the completed runs of the plan.
[[nodiscard]] PointSet collect_points(const SweepFolder& sweep, const Plan& plan);

/// A run's folder, claimed for this process and those that inherit its descriptor; released when
/// the last of them has ended or dropped it.
class RunClaim {
 public:
  /// Nothing if another process holds it. Makes the folder if need be.
  [[nodiscard]] static std::optional<RunClaim> acquire(const std::filesystem::path& run_folder);
  /// Beside others that share it; waits for one that has it alone, which is not for long: throws
  /// Error(io) that names it after 5 s.
  [[nodiscard]] static RunClaim share(const std::filesystem::path& run_folder);
  /// Lets others share it from here on; in between somebody may have had it alone.
  void begin_sharing();
  /// Whether a living process holds it.
  [[nodiscard]] static bool is_held(const std::filesystem::path& run_folder);
  /// The process that claimed it last, as "process 17 on host node3"; where the folder does not
  /// say, "another process".
  [[nodiscard]] static std::string holder(const std::filesystem::path& run_folder);
  /// For a trainer: acquire(), or nothing where its launcher holds the folder, which has claimed it
  /// for the trainer. Throws Error(io) that names the holder where that is somebody else.
  [[nodiscard]] static std::optional<RunClaim> acquire_or_inherit(
      const std::filesystem::path& run_folder);
  /// The variable, for a trainer's environment, by which acquire_or_inherit() knows its launcher.
  [[nodiscard]] static std::pair<std::string, std::string> launcher_variable();
  RunClaim(RunClaim&&) noexcept;
  RunClaim& operator=(RunClaim&&) noexcept;
  ~RunClaim();
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  explicit RunClaim(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

/// save_sweep() for one who is about to run the sweep: as long as the claim, which launches of one
/// sweep share, is held, no plan is saved that lets runs leave. Throws Error(io) where another plan
/// was saved at the same time.
[[nodiscard]] RunClaim claim_sweep(const SweepFolder& sweep, const Plan& plan, OldRuns old_runs);

struct RunOneOptions {
  std::filesystem::path folder;  // spec.json, metrics.jsonl, checkpoint/ and record.json go here
  std::string device = "cpu";
  int n_threads = 1, tensor_parallel = 1;
  LaunchEnvironment launch = {};
  double seconds_between_checkpoints = TrainOptions{}.seconds_between_checkpoints;
  /// What the record's `mfu` is a share of: the peak of all devices that carry the run, at the
  /// run's precision. Absent: what the data sheets of the devices say, where they are known. A CPU
  /// has no nominal peak worth the name; measure it, as tests/bench does.
  std::optional<double> peak_flops_per_second = {};
  /// Where runs that share a trunk leave its state and its curve (TrainOptions::trunk_folder), one
  /// at a time; the caller removes it. Empty: alone.
  std::filesystem::path trunk_folder = {};
  std::function<bool()> stop;  // polled, as TrainOptions::stop and at every step
  std::function<void(const StepMetrics&)> on_step;       // for a display
  std::function<void(const std::string&)> on_wait = {};  // TrainOptions::on_wait
};

/// Trains one spec in a folder, resuming from its checkpoint if there is one. metrics.jsonl gets
/// one line per step, also for those that the trunk had done; record.json is written if the outcome
/// is final, and the checkpoint is removed then, also one that an earlier process did not come to.
/// A folder with a final record of this spec is else left alone. An empty dataset_hash is filled
/// from the data. Of several processes (launch) only the first writes. Throws what train() throws,
/// and Error(io) where another process holds the folder or the trunk's.
[[nodiscard]] RunRecord run_one(const RunSpec& spec, const Dataset& dataset,
                                const RunOneOptions& options);

}  // namespace isoflop
