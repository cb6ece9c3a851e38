// SPDX-License-Identifier: Apache-2.0
#include "record/rows/csv_reader.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/utf8.h"
#include "isoflop/error.h"
#include "record/rows/line_reader.h"
#include "record/rows/require_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 18;
constexpr std::size_t kMaxRow = std::size_t{1} << 20;

/// The first of comma, tab and semicolon that stands outside quotes, in this order.
char separator_in(std::string_view header) {
  constexpr std::array kSeparators = {',', '\t', ';'};
  std::array<bool, kSeparators.size()> is_there{};
  bool quoted = false;
  for (const char c : header) {
    if (c == '"') quoted = !quoted;
    const auto at = std::find(kSeparators.begin(), kSeparators.end(), c) - kSeparators.begin();
    if (!quoted && at < std::ssize(kSeparators)) is_there[static_cast<std::size_t>(at)] = true;
  }
  const auto first = std::find(is_there.begin(), is_there.end(), true) - is_there.begin();
  return first < std::ssize(kSeparators) ? kSeparators[static_cast<std::size_t>(first)] : ',';
}

}  // namespace

CsvReader::CsvReader(const std::filesystem::path& file) : input_(file) {
  refill();
  require_text(buffer_, input_.file());
  next_ = byte_order_mark_size(buffer_);
  line_end_ = line_end_of(buffer_);
}

void CsvReader::fail(const std::string& complaint) const {
  const std::string line = line_ == row_ ? "" : " (line " + std::to_string(line_) + ")";
  throw Error(ErrorCode::parse, file() + ": row " + std::to_string(row_) + line + complaint);
}

// `offset`: from the row's first character.
void CsvReader::fail_at(std::size_t offset, const std::string& complaint) const {
  const std::string_view before = std::string_view(buffer_).substr(begin_, offset);
  const std::int64_t line = line_ + std::count(before.begin(), before.end(), line_end_);
  const std::size_t newline = before.rfind(line_end_);
  const std::size_t character = newline == std::string_view::npos ? offset : offset - newline - 1;
  fail(": " + complaint + " (line " + std::to_string(line) + ", character " +
       std::to_string(character + 1) + ")");
}

void CsvReader::fail_unclosed() const {
  const std::string_view text = std::string_view(buffer_).substr(begin_, end_ - begin_);
  std::size_t opened = 0;
  bool open = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '"') continue;
    if (open && i + 1 < text.size() && text[i + 1] == '"') {
      ++i;
    } else if ((open = !open)) {
      opened = i;
    }
  }
  fail_at(opened, "a quote is opened and never closed");
}

// Drops what is behind the row in progress and appends a chunk. False where the file has ended.
bool CsvReader::refill() {
  buffer_.erase(0, begin_);
  end_ -= begin_;
  next_ -= begin_;
  begin_ = 0;
  const std::size_t size = buffer_.size();
  if (size > kMaxRow + kChunk) fail(": is longer than 1 MiB");
  buffer_.resize(size + kChunk);
  const std::size_t got = input_.read(std::span(buffer_).subspan(size));
  buffer_.resize(size + got);
  return got > 0;
}

// Sets end_ and next_ to the first newline from next_ on.
bool CsvReader::read_line() {
  std::size_t from = next_;
  while (true) {
    const std::size_t newline = buffer_.find(line_end_, from);
    if (newline != std::string::npos) {
      end_ = newline;
      next_ = newline + 1;
      unterminated_ = false;
      ++next_line_;
      return true;
    }
    const std::size_t scanned = buffer_.size() - begin_;
    if (!refill()) break;
    from = begin_ + scanned;
  }
  if (next_ >= buffer_.size()) return false;
  end_ = next_ = buffer_.size();
  unterminated_ = true;
  ++next_line_;
  return true;
}

bool CsvReader::extend_to_closing_quote() {
  std::size_t counted = begin_;
  bool open = false;
  while (true) {
    const auto from = buffer_.begin() + static_cast<std::ptrdiff_t>(counted);
    const auto to = buffer_.begin() + static_cast<std::ptrdiff_t>(end_);
    if (std::count(from, to, '"') % 2 == 1) open = !open;
    if (!open) return true;
    const std::size_t done = end_ - begin_;
    if (done > kMaxRow || unterminated_ || !read_line()) return false;
    counted = begin_ + done;
  }
}

bool CsvReader::next() {
  do {
    begin_ = next_;
    ++row_;
    line_ = next_line_;
    if (!read_line()) return false;
    if (!extend_to_closing_quote()) fail_unclosed();
    if (end_ > begin_ && buffer_[end_ - 1] == '\r') --end_;
  } while (trim(std::string_view(buffer_).substr(begin_, end_ - begin_)).empty());
  fields_.clear();
  unquoted_.clear();
  const std::string_view line = std::string_view(buffer_).substr(begin_, end_ - begin_);
  require_text_of(line);
  if (separator_ == '\0') separator_ = separator_in(line);
  if (line.find('"') == std::string_view::npos) {
    split_plain(line);
  } else {
    split_quoted(line);
  }
  return true;
}

void CsvReader::require_text_of(std::string_view line) const {
  if (const std::size_t nul = line.find('\0'); nul != std::string_view::npos) {
    fail_at(nul, "a NUL byte in a text");
  }
  if (const auto bad = first_invalid_utf8(line)) fail_at(*bad, utf8_complaint(line[*bad]));
}

void CsvReader::split_plain(std::string_view line) {
  while (true) {
    const std::size_t comma = line.find(separator_);
    fields_.push_back(trim(line.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    line.remove_prefix(comma + 1);
  }
}

void CsvReader::split_quoted(std::string_view line) {
  std::size_t at = 0;
  while (true) {
    const std::size_t first = std::min(line.find_first_not_of(blanks(), at), line.size());
    if (first < line.size() && line[first] == '"') {
      at = read_quoted(line, first + 1, unquoted_.emplace_back());
      fields_.emplace_back(unquoted_.back());
    } else {
      const std::size_t comma = std::min(line.find(separator_, at), line.size());
      const std::string_view field = line.substr(at, comma - at);
      if (const std::size_t quote = field.find('"'); quote != std::string_view::npos) {
        fail_at(at + quote, "a quote inside a field that does not begin with one");
      }
      fields_.push_back(trim(field));
      at = comma;
    }
    if (at == line.size()) return;
    ++at;
  }
}

// From behind the opening quote. Returns where the field's comma or the row's end is.
std::size_t CsvReader::read_quoted(std::string_view line, std::size_t at,
                                   std::string& field) const {
  while (true) {
    const std::size_t quote = line.find('"', at);
    if (quote == std::string_view::npos) fail_unclosed();
    field += line.substr(at, quote - at);
    at = quote + 1;
    if (at == line.size() || line[at] != '"') break;
    field += '"';
    ++at;
  }
  const std::size_t next = std::min(line.find_first_not_of(blanks(), at), line.size());
  if (next < line.size() && line[next] != separator_) {
    fail_at(next, "text after a closing quote, where a comma must be");
  }
  return next;
}

}  // namespace isoflop
