// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

/// A folder with event files is a run.
struct EventFolder {
  /// The folder's own name; the path from where the search began where two have the same.
  std::string name;
  std::vector<std::filesystem::path> files;
};

/// Every folder with event files from `root` down, those behind links as well, each once; or one
/// event file alone. In the order of their paths. Throws Error(parse) where there is none, and
/// where a folder cannot be read.
[[nodiscard]] std::vector<EventFolder> event_folders(const std::filesystem::path& root);

}  // namespace isoflop
