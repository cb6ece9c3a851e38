// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/model_shape.h"
#include "train/checkpoint/checkpoint_folder.h"
#include "train/checkpoint/snapshot.h"

namespace isoflop {

/// The checkpoints in one folder, written by a thread of their own while the run goes on, as
/// DeepSeek LLM's are (arXiv:2401.02954, sec. 2.4). One snapshot exists at a time:
///
///     Snapshot snapshot = store.take_buffer();
///     ...                                      // every rank copies its part
///     store.save(std::move(snapshot));
///
/// What goes wrong in the thread is thrown by the next call of take_buffer, save or finish.
class CheckpointStore {
 public:
  CheckpointStore(std::filesystem::path folder, std::string identity, const ModelShape& shape);
  /// Waits for the write under way; says nothing about it.
  ~CheckpointStore();

  /// Whether a snapshot is being written, so that the calls below but save() would wait.
  [[nodiscard]] bool is_writing() const;
  /// Three arenas of the layout's size with any content, those of the snapshot before if there was
  /// one.
  [[nodiscard]] Snapshot take_buffer();
  /// Hands a snapshot over. Waits only if one is being written already.
  void save(Snapshot&& snapshot);
  /// Returns when the last snapshot is on the disk.
  void finish();

  /// As CheckpointFolder's.
  [[nodiscard]] std::optional<Snapshot> load_newest(std::int64_t max_step,
                                                    std::vector<std::string>& refused);

 private:
  CheckpointFolder folder_;
  std::size_t arena_size_;
  Snapshot snapshot_;  // the thread's while there is one
  std::future<void> write_;
};

}  // namespace isoflop
