// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "record/rows/file_input.h"

namespace isoflop {

/// Reads a CSV file row by row in bounded memory (RFC 4180: fields may be quoted, quotes in them
/// are doubled; commas and newlines may stand inside quotes). Accepts CRLF and CR, a byte order
/// mark, blanks around quotes, and tabs or semicolons where the first row has them and no comma.
class CsvReader {
 public:
  /// Throws Error(parse) if the file cannot be read, or is no text in UTF-8.
  explicit CsvReader(const std::filesystem::path& file);

  /// Moves to the next row that is not blank. False at the end. Throws Error(parse) naming row,
  /// line and character for quotes that RFC 4180 does not allow, for a NUL byte and for bytes that
  /// are no UTF-8, the row for one longer than 1 MiB, and the file for a read error.
  bool next();

  /// The fields of the row; valid until next().
  [[nodiscard]] std::span<const std::string_view> fields() const { return fields_; }
  /// 1 for the header, as a spreadsheet counts.
  [[nodiscard]] std::int64_t row() const { return row_; }
  /// Of the file, where the row begins; more than row() after newlines inside quotes.
  [[nodiscard]] std::int64_t line() const { return line_; }
  /// Whether the row ended with the file, not with a newline.
  [[nodiscard]] bool unterminated() const { return unterminated_; }
  [[nodiscard]] const std::string& file() const { return input_.file(); }
  /// Throws Error(parse) "<file>: row 3 (line 5)<complaint>"; the line where it is not the row.
  [[noreturn]] void fail(const std::string& complaint) const;

 private:
  bool refill();
  bool read_line();
  bool extend_to_closing_quote();
  void split_plain(std::string_view line);
  void split_quoted(std::string_view line);
  std::size_t read_quoted(std::string_view line, std::size_t at, std::string& field) const;
  [[noreturn]] void fail_at(std::size_t offset, const std::string& complaint) const;
  [[noreturn]] void fail_unclosed() const;

  void require_text_of(std::string_view line) const;
  [[nodiscard]] std::string_view blanks() const { return separator_ == '\t' ? " " : " \t"; }

  FileInput input_;
  std::string buffer_;
  char line_end_ = '\n';
  char separator_ = '\0';            // until the first row shows it
  std::size_t begin_ = 0, end_ = 0;  // the row within the buffer, without its newline
  std::size_t next_ = 0;             // where the row after it begins
  std::int64_t row_ = 0, line_ = 0, next_line_ = 1;
  bool unterminated_ = false;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // owns the fields that had quotes; a deque keeps addresses
};

}  // namespace isoflop
