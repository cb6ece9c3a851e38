// SPDX-License-Identifier: Apache-2.0
#include "record/rows/event_folders.h"

#include <algorithm>
#include <map>
#include <set>

#include "isoflop/error.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

bool is_event_file(const fs::path& file) {
  return file.filename().string().find("tfevents") != std::string::npos;
}

std::string own_name(const fs::path& folder) {
  const fs::path path = fs::absolute(folder).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

/// Walks down through links, which may lead in circles.
class Search {
 public:
  void enter(const fs::path& folder) {
    if (!entered_.insert(fs::canonical(folder)).second) return;
    std::set<fs::path> below;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.is_directory()) {
        below.insert(entry.path());
      } else if (is_event_file(entry.path())) {
        files_[folder].push_back(entry.path());
      }
    }
    for (const fs::path& next : below) enter(next);
  }
  std::map<fs::path, std::vector<fs::path>>& files() { return files_; }

 private:
  std::set<fs::path> entered_;
  std::map<fs::path, std::vector<fs::path>> files_;
};

}  // namespace

std::vector<EventFolder> event_folders(const fs::path& root) {
  std::error_code status;
  if (!fs::is_directory(root, status)) {
    return {{own_name(fs::absolute(root).parent_path()), {root}}};
  }
  Search search;
  try {
    search.enter(root);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::parse,
                error.path1().string() + ": cannot be read: " + error.code().message());
  }
  if (search.files().empty()) {
    throw Error(ErrorCode::parse,
                root.string() + ": has no file with tfevents in its name below it");
  }
  std::map<std::string, int> n_of_name;
  for (const auto& [folder, files] : search.files()) ++n_of_name[own_name(folder)];
  std::vector<EventFolder> result;
  for (auto& [folder, files] : search.files()) {
    const std::string name = own_name(folder);
    const bool is_unique = n_of_name.at(name) == 1;
    result.push_back(
        {is_unique ? name : folder.lexically_relative(root).generic_string(), std::move(files)});
  }
  return result;
}

}  // namespace isoflop
