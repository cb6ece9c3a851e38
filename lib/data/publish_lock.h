// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace isoflop {

/// Held while files take their names in a folder, so that of two builds one wins whole. The kernel
/// releases it with its holder. Lies in the folder as `.publish.lock`, for good: a lock that is
/// deleted is one that two can hold.
class PublishLock {
 public:
  /// Waits for whoever holds it. Throws Error(io) naming the file.
  explicit PublishLock(const std::filesystem::path& folder);
  ~PublishLock();
  PublishLock(const PublishLock&) = delete;
  PublishLock& operator=(const PublishLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace isoflop
