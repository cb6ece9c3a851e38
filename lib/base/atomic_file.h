// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/posix_file.h"

namespace isoflop {

/// The whole file. Throws Error(parse) naming the file where it cannot be read: an input is at
/// fault.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& file);

/// Replaces `file` so that a reader, or a machine that loses power, sees the old content or the
/// new, never a part: temporary name beside it, write, fsync, rename, fsync of the folder. Where
/// `file` is a link, what it leads to is replaced, and the link stays. Throws Error(io) naming the
/// file and the system's reason, Error(invalid_argument) for what is there and no regular file.
void write_file_atomically(const std::filesystem::path& file, std::string_view content);

/// The same for a file that nobody has made yet: false, and nothing has happened, where it is there
/// already, also where another process was faster by an instant.
[[nodiscard]] bool create_file_atomically(const std::filesystem::path& file,
                                          std::string_view content);

/// The same for content that comes in pieces. Without commit() nothing has happened.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& file);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::span<const std::byte> content);
  void commit();
  /// As commit(), but false where `file` is there by now, which stays as it is.
  [[nodiscard]] bool commit_new();

 private:
  void finish_content();

  std::filesystem::path file_, temporary_;
  PosixFile content_;
  bool committed_ = false;
};

/// Deletes what processes that died in the middle have left beside `file`. Only for the file's one
/// writer.
void remove_abandoned_temporaries(const std::filesystem::path& file);

}  // namespace isoflop
