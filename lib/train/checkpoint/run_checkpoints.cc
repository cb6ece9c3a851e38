// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/run_checkpoints.h"

#include <limits>

#include "train/checkpoint/spec_identity.h"
#include "train/device/device.h"

namespace isoflop {

RunCheckpoints::RunCheckpoints(const RunSpec& spec, const TrainOptions& options)
    : branch_step_(branch_step(spec)) {
  if (!options.checkpoint_folder.empty()) {
    own_.emplace(options.checkpoint_folder, spec_identity(spec, kind_of(options.device)),
                 spec.shape);
  }
  if (!options.trunk_folder.empty()) {
    trunk_.emplace(options.trunk_folder, trunk_identity(spec, kind_of(options.device)), spec.shape);
  }
}

std::optional<Snapshot> RunCheckpoints::load(std::vector<std::string>& refused) {
  std::optional<Snapshot> own, trunk;
  if (own_) own = own_->load_newest(std::numeric_limits<std::int64_t>::max(), refused);
  if (trunk_) trunk = trunk_->load_newest(branch_step_, refused);
  if (!own || (trunk && trunk->progress.steps_done > own->progress.steps_done)) return trunk;
  return own;
}

void RunCheckpoints::finish() {
  if (own_) own_->finish();
  if (trunk_) trunk_->finish();
}

}  // namespace isoflop
