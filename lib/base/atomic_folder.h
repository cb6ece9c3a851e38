// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/posix_file.h"

namespace isoflop {

/// A folder of files that appear together or not at all, to readers and to a machine that loses
/// power: they are written into `temporary`, which then takes the name `folder`. Without commit()
/// nothing has happened. All failures are Error(io).
class AtomicFolder {
 public:
  /// `temporary` lies beside `folder`.
  AtomicFolder(std::filesystem::path folder, std::filesystem::path temporary);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// A file in the folder; the caller syncs it.
  [[nodiscard]] PosixFile create(const std::string& name);
  /// `folder` must not exist, or be empty.
  void commit();

 private:
  std::filesystem::path folder_, temporary_;
  std::vector<std::filesystem::path> files_;
  bool committed_ = false;
};

/// Deletes these files of a folder, then the folder if nothing else is in it. What cannot be
/// deleted stays.
void remove_folder_of(const std::filesystem::path& folder, std::span<const std::string_view> names);

}  // namespace isoflop
