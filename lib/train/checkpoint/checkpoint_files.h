// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/atomic_folder.h"
#include "isoflop/model_shape.h"
#include "train/checkpoint/snapshot.h"

namespace isoflop {

/// Whose checkpoints, and of what model.
struct CheckpointOwner {
  std::string identity;  // of the run: spec_identity()
  ModelShape shape;
};

/// The files of one checkpoint, in the order in which they are written.
inline constexpr std::array<std::string_view, 3> kCheckpointFiles = {
    "weights.safetensors", "optimizer.safetensors", "state.json"};

/// Writes them, each on the disk and hashed in one pass. Throws Error(io).
void write_checkpoint(const CheckpointOwner& owner, const Snapshot& snapshot, AtomicFolder& folder);

/// A checkpoint that has been verified to the last byte. Throws Error saying which file and what is
/// wrong: a file is missing, more than it should be, of another version, of another run, truncated,
/// or damaged (and which tensor).
[[nodiscard]] Snapshot read_checkpoint(const CheckpointOwner& owner,
                                       const std::filesystem::path& folder);

/// Whether an undamaged state.json says that `folder` is this run's, and nothing foreign is in it.
/// The tensors may be damaged or missing.
[[nodiscard]] bool is_checkpoint_of(const CheckpointOwner& owner,
                                    const std::filesystem::path& folder);

}  // namespace isoflop
