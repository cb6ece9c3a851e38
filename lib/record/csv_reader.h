// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// Reads a CSV file row by row in bounded memory (RFC 4180: fields may be quoted, quotes in them
/// are doubled; commas and newlines may stand inside quotes). Accepts CRLF and a byte order mark.
class CsvReader {
 public:
  /// Throws Error(parse) if the file cannot be read.
  explicit CsvReader(const std::filesystem::path& file);

  /// Moves to the next row that is not blank. False at the end. Throws Error(parse) naming the row
  /// for a quote that is never closed and for a row longer than 1 MiB.
  bool next();

  /// The fields of the row; valid until next().
  [[nodiscard]] std::span<const std::string_view> fields() const { return fields_; }
  /// 1 for the header, as a spreadsheet counts.
  [[nodiscard]] std::int64_t row() const { return row_; }
  /// Whether the row ended with the file, not with a newline.
  [[nodiscard]] bool unterminated() const { return unterminated_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[noreturn]] void fail(const std::string& complaint) const;

 private:
  bool refill();
  bool read_line();
  bool extend_to_closing_quote();
  void split_plain(std::string_view line);
  void split_quoted(std::string_view line);

  std::string file_;
  std::ifstream stream_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;  // the row within the buffer, without its newline
  std::size_t next_ = 0;             // where the row after it begins
  std::int64_t row_ = 0;
  bool unterminated_ = false;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // owns the fields that had quotes; a deque keeps addresses
};

}  // namespace isoflop
