// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "record/rows/file_input.h"

namespace isoflop {

/// What ends a line: '\r' in a text that has carriage returns and no newline, as old Macs and some
/// exports write it, else '\n'. `beginning`: as much of the text as one wants to look at.
[[nodiscard]] char line_end_of(std::string_view beginning);

/// The lines of a text, each of at most 1 MiB, without what ends them.
class LineReader {
 public:
  /// Throws Error(parse) if the file cannot be read, or is no text in UTF-8.
  explicit LineReader(const std::filesystem::path& file);
  /// The next line; false at the end. Throws Error(parse) for a longer one, and for a read error.
  bool next(std::string& line);
  /// From 1.
  [[nodiscard]] std::int64_t line() const { return line_; }
  [[nodiscard]] const std::string& file() const { return input_.file(); }

 private:
  bool refill();
  FileInput input_;
  std::string buffer_;
  std::size_t next_ = 0;
  char line_end_ = '\n';
  std::int64_t line_ = 0;
};

}  // namespace isoflop
