// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "isoflop/model_shape.h"
#include "train/checkpoint/checkpoint_files.h"
#include "train/checkpoint/snapshot.h"

namespace isoflop {

/// The checkpoints of one run in one folder, `step-000000100/` and so on. The folder has one writer
/// at a time (the run's claim sees to that). Whatever in it is not provably this run's is left as
/// it is.
class CheckpointFolder {
 public:
  CheckpointFolder(std::filesystem::path folder, CheckpointOwner owner);

  /// Writes a checkpoint, then deletes all but the newest two of this run, and what processes that
  /// died while writing have left. Where the step is there already and whole, nothing is written.
  /// Throws Error(io) naming the path; the checkpoints before are then still there, and nothing of
  /// the new one.
  void write(const Snapshot& snapshot);

  /// The newest whole checkpoint of at most `max_step` steps. Adds to `refused` which newer ones
  /// are not used and why.
  [[nodiscard]] std::optional<Snapshot> load_newest(std::int64_t max_step,
                                                    std::vector<std::string>& refused);

 private:
  [[nodiscard]] std::vector<std::int64_t> steps() const;  // newest first
  [[nodiscard]] Snapshot load(std::int64_t step) const;
  [[nodiscard]] bool is_whole(std::int64_t step) const;
  [[nodiscard]] std::filesystem::path path(std::int64_t step) const;
  [[nodiscard]] std::filesystem::path temporary(std::int64_t step, const char* kind) const;
  void create() const;
  void make_way(std::int64_t step) const;
  void discard(std::int64_t step) const;
  void prune(std::int64_t written) const;
  void remove_abandoned() const;

  std::filesystem::path folder_;
  CheckpointOwner owner_;
  std::set<std::int64_t> damaged_;  // found by load_newest
};

}  // namespace isoflop
