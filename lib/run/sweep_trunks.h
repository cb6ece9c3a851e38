// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "isoflop/plan.h"

namespace isoflop {

/// The folders of a sweep's shared trunks, and who comes when. Runs are numbers: places in the
/// plan.
class SweepTrunks {
 public:
  SweepTrunks(std::filesystem::path root, std::span<const PlannedRun> runs);

  [[nodiscard]] bool has(std::size_t run) const { return trunk_of_[run].has_value(); }
  /// Empty for a run that shares nothing.
  [[nodiscard]] std::filesystem::path folder(std::size_t run) const;
  /// Those of the same trunk that take their turn before.
  [[nodiscard]] std::span<const std::size_t> before(std::size_t run) const;

  /// Removes trunks that nobody holds and all of whose runs are done: nobody begins there any more.
  void remove_finished(const std::function<bool(std::size_t run)>& is_done) const;
  /// Removes the folder of all, if it is empty.
  void remove_root() const;

 private:
  [[nodiscard]] std::filesystem::path folder_of(const Trunk& trunk) const;

  std::filesystem::path root_;
  std::vector<Trunk> trunks_;
  std::vector<std::optional<std::size_t>> trunk_of_;  // of each run
};

}  // namespace isoflop
