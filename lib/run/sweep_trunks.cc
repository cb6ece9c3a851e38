// SPDX-License-Identifier: Apache-2.0
#include "run/sweep_trunks.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "isoflop/run.h"

namespace isoflop {

SweepTrunks::SweepTrunks(std::filesystem::path root, std::span<const PlannedRun> runs)
    : root_(std::move(root)), trunks_(shared_trunks(runs)), trunk_of_(runs.size()) {
  for (std::size_t t = 0; t < trunks_.size(); ++t) {
    for (const std::size_t run : trunks_[t].runs) trunk_of_[run] = t;
  }
}

std::filesystem::path SweepTrunks::folder_of(const Trunk& trunk) const {
  return root_ / trunk.trunk_id;
}

std::filesystem::path SweepTrunks::folder(std::size_t run) const {
  return has(run) ? folder_of(trunks_[*trunk_of_[run]]) : std::filesystem::path();
}

std::span<const std::size_t> SweepTrunks::before(std::size_t run) const {
  if (!has(run)) return {};
  const std::vector<std::size_t>& all = trunks_[*trunk_of_[run]].runs;  // shortest first
  return {all.begin(), std::find(all.begin(), all.end(), run)};
}

void SweepTrunks::remove_finished(const std::function<bool(std::size_t)>& is_done) const {
  std::error_code ignored;
  for (const Trunk& trunk : trunks_) {
    if (std::all_of(trunk.runs.begin(), trunk.runs.end(), is_done) &&
        !RunClaim::is_held(folder_of(trunk))) {
      std::filesystem::remove_all(folder_of(trunk), ignored);
    }
  }
}

void SweepTrunks::remove_root() const {
  std::error_code ignored;
  std::filesystem::remove(root_, ignored);
}

}  // namespace isoflop
