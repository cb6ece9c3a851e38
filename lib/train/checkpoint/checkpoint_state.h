// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "train/checkpoint/snapshot.h"

namespace isoflop {

/// What state.json says of one safetensors file. Hashes are those of base/hash.h.
struct CheckpointFile {
  std::string name;
  std::int64_t n_bytes = 0;
  std::string header_hash;                           // of prefix and object
  std::map<std::string, std::string> tensor_hashes;  // by name
};

/// state.json: whose checkpoint it is, where the run stands, and what the other files must hold.
struct CheckpointState {
  std::string identity;
  Progress progress;
  std::vector<CheckpointFile> files;
};

/// The last line holds the hash of all that is before it. Every double reads back bit for bit,
/// those that are not finite too.
[[nodiscard]] std::string checkpoint_state_text(const CheckpointState& state);

/// Throws Error(parse) naming `file` for a text that differs in one byte from one that was written,
/// or is of another version.
[[nodiscard]] CheckpointState parse_checkpoint_state(std::string_view text,
                                                     const std::string& file);

}  // namespace isoflop
