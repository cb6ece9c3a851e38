// SPDX-License-Identifier: Apache-2.0
#include "base/output_path.h"

#include <string>
#include <system_error>

#include "isoflop/error.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // as many as Linux follows

const char* name_of(fs::file_type type) {
  switch (type) {
    case fs::file_type::directory:
      return "a folder";
    case fs::file_type::block:
    case fs::file_type::character:
      return "a device";
    case fs::file_type::fifo:
      return "a pipe";
    case fs::file_type::socket:
      return "a socket";
    default:
      return "no regular file";
  }
}

[[noreturn]] void refuse(const fs::path& path, const std::string& what) {
  throw Error(ErrorCode::invalid_argument, path.string() + ": " + what);
}

[[noreturn]] void fail(const fs::path& path, const char* action, const std::error_code& reason) {
  const bool is_name_wrong = reason == std::errc::not_a_directory;
  throw Error(is_name_wrong ? ErrorCode::invalid_argument : ErrorCode::io,
              path.string() + ": cannot " + std::string(action) + ": " + reason.message());
}

bool is_root(const fs::path& folder) {
  std::error_code status;
  const fs::path whole = fs::weakly_canonical(fs::absolute(folder), status);
  return !status && !whole.has_relative_path();
}

}  // namespace

fs::path output_file(const fs::path& file) {
  std::error_code ignored;
  const fs::file_type type = fs::status(file, ignored).type();
  if (type != fs::file_type::regular && type != fs::file_type::not_found &&
      type != fs::file_type::none) {
    refuse(file, std::string("is ") + name_of(type) +
                     "; a regular file is written, or a name that is not there yet");
  }
  fs::path target = file;
  for (int i = 0; fs::is_symlink(fs::symlink_status(target, ignored)); ++i) {
    std::error_code reason = std::make_error_code(std::errc::too_many_symbolic_link_levels);
    if (i == kMaxLinks) fail(file, "follow its links", reason);
    const fs::path next = fs::read_symlink(target, reason);
    if (reason) fail(file, "follow its links", reason);
    target = target.parent_path() / next;  // which is `next` where that is absolute
  }
  return target;
}

void make_output_folder(const fs::path& folder) {
  if (is_root(folder)) refuse(folder, "is a root folder; name one below it");
  // Not asked before whether it is there: others may be making it at this moment.
  std::error_code reason, ignored;
  fs::create_directories(folder, reason);
  if (!reason && fs::is_directory(folder, reason)) return;
  if (fs::exists(fs::symlink_status(folder, ignored))) {
    refuse(folder, std::string("is ") +
                       (fs::exists(folder, ignored) ? "no folder" : "a link to nothing") +
                       "; a folder is written, or a name that is not there yet");
  }
  fail(folder, "create", reason);
}

}  // namespace isoflop
