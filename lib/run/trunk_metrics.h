// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace isoflop {

/// The lines of metrics.jsonl that the runs of a trunk have in common, kept beside its checkpoints:
/// a run that begins in the middle has its whole curve all the same. Without a trunk folder nothing
/// is done.
class TrunkMetrics {
 public:
  TrunkMetrics(const std::filesystem::path& trunk_folder, std::filesystem::path run_file,
               std::int64_t branch_step);

  /// Before the run's file gets its first line, that of `step`: fills in what it lacks.
  void complete(std::int64_t step) const;
  /// After it got the line of `step`: where the run leaves its trunk, its curve is the others' too.
  void keep(std::int64_t step) const;

 private:
  std::filesystem::path trunk_file_, run_file_;
  std::int64_t branch_step_;
};

}  // namespace isoflop
