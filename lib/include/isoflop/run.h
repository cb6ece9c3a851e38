// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/plan.h"
#include "isoflop/point.h"
#include "isoflop/run_record.h"

namespace isoflop {

/// A sweep on disk: experiment.json, plan.json, runs/, points.csv.
struct SweepFolder {
  std::filesystem::path root;
  [[nodiscard]] std::filesystem::path plan_file() const { return root / "plan.json"; }
  [[nodiscard]] std::filesystem::path runs() const { return root / "runs"; }
  [[nodiscard]] std::filesystem::path points_file() const { return root / "points.csv"; }
};

enum class CellState { waiting, running, completed, diverged, failed };

struct CellStatus {
  PlannedRun run;
  CellState state = CellState::waiting;
  double progress = 0;  // share of the steps done
  std::optional<RunRecord> record;
};

struct SweepStatus {
  std::vector<CellStatus> cells;  // in plan order
  double compute_done = 0, compute_total = 0;
  [[nodiscard]] std::int64_t count(CellState state) const;
};

/// What is done, running (its lock is held by a living process) and failed.
[[nodiscard]] SweepStatus sweep_status(const SweepFolder& sweep, const Plan& plan);

struct SweepOptions {
  int n_jobs = 0;  // workers, one thread each; 0: as many as cores
  std::string device = "cpu";
  /// The program that trains one run: `<trainer> train <spec.json> --out <run folder> ...`. It is
  /// done when it has written a record.json that names the run.
  std::vector<std::string> trainer;
  std::function<void(const SweepStatus&)> on_progress;  // several times a second
  std::function<bool()> stop;                           // polled; true: end workers and return
};

/// Runs what is not done yet, cheapest first. Safe to repeat, to kill at any moment and to run
/// twice at a time: a run is claimed by a lock that dies with its holder. Returns the final status.
SweepStatus run_sweep(const SweepFolder& sweep, const Plan& plan, const SweepOptions& options);

/// Points of the completed runs, in the frame of the plan; points.csv is this, saved.
[[nodiscard]] PointSet collect_points(const SweepFolder& sweep, const Plan& plan);

/// A run's folder, claimed for this process; released when destroyed or when the process dies.
class RunClaim {
 public:
  /// Nothing if another process holds it.
  [[nodiscard]] static std::optional<RunClaim> acquire(const std::filesystem::path& run_folder);
  RunClaim(RunClaim&&) noexcept;
  RunClaim& operator=(RunClaim&&) noexcept;
  ~RunClaim();
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  explicit RunClaim(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace isoflop
