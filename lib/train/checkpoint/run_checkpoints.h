// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "isoflop/run_spec.h"
#include "isoflop/train.h"
#include "train/checkpoint/checkpoint_store.h"
#include "train/checkpoint/snapshot.h"

namespace isoflop {

/// Where a run may go on from, and where it leaves its state: its own checkpoints, and those of its
/// trunk, the steps it has in common with every run that differs from it in length and decay alone
/// (DeepSeek LLM, arXiv:2401.02954, sec. 2.3: the first stage is reused).
class RunCheckpoints {
 public:
  RunCheckpoints(const RunSpec& spec, const TrainOptions& options);

  /// The state furthest on; of the trunk's only those up to the step at which the run leaves it.
  /// What was refused on the way is added to `refused`.
  [[nodiscard]] std::optional<Snapshot> load(std::vector<std::string>& refused);

  [[nodiscard]] bool kept() const { return own_.has_value(); }
  /// A snapshot to fill; its content is anything.
  [[nodiscard]] Snapshot take_buffer() { return (own_ ? own_ : trunk_)->take_buffer(); }
  /// Hands the state over to be written while training goes on.
  void save(Snapshot&& snapshot) { own_->save(std::move(snapshot)); }
  /// Whether the run leaves its trunk here and others want to know the place.
  [[nodiscard]] bool is_branch_point(std::int64_t steps_done) const {
    return trunk_.has_value() && steps_done == branch_step_;
  }
  void save_trunk(Snapshot&& snapshot) { trunk_->save(std::move(snapshot)); }
  /// Waits until all is on disk. Throws Error(io) where it cannot be.
  void finish();

 private:
  std::int64_t branch_step_;
  std::optional<CheckpointStore> own_, trunk_;
};

}  // namespace isoflop
