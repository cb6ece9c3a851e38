// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_folder.h"

#include <cstdio>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

namespace isoflop {

AtomicFolder::AtomicFolder(std::filesystem::path folder, std::filesystem::path temporary)
    : folder_(std::move(folder)), temporary_(std::move(temporary)) {
  if (::mkdir(temporary_.c_str(), 0755) != 0) throw_system_error(folder_, "create");
}

AtomicFolder::~AtomicFolder() {
  if (committed_) return;
  for (const std::filesystem::path& file : files_) ::unlink(file.c_str());
  ::rmdir(temporary_.c_str());
}

PosixFile AtomicFolder::create(const std::string& name) {
  files_.push_back(temporary_ / name);
  return PosixFile::create(files_.back(), folder_ / name);
}

void AtomicFolder::commit() {
  sync_folder(temporary_);
  if (std::rename(temporary_.c_str(), folder_.c_str()) != 0) throw_system_error(folder_, "create");
  committed_ = true;
  sync_folder(folder_.parent_path());
}

void remove_folder_of(const std::filesystem::path& folder,
                      std::span<const std::string_view> names) {
  for (const std::string_view name : names) ::unlink((folder / name).c_str());
  ::rmdir(folder.c_str());
}

}  // namespace isoflop
