// SPDX-License-Identifier: Apache-2.0
#include "record/csv_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 18;
constexpr std::size_t kMaxRow = std::size_t{1} << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

CsvReader::CsvReader(const std::filesystem::path& file)
    : file_(file.string()), stream_(file, std::ios::binary) {
  std::error_code status;
  if (!stream_ || std::filesystem::is_directory(file, status)) {
    throw Error(ErrorCode::parse,
                file_ + ": cannot be read: " + (stream_ ? "is a folder" : std::strerror(errno)));
  }
  refill();
  if (buffer_.starts_with(kByteOrderMark)) next_ = kByteOrderMark.size();
}

void CsvReader::fail(const std::string& complaint) const {
  throw Error(ErrorCode::parse, file_ + ": row " + std::to_string(row_) + complaint);
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
  stream_.read(buffer_.data() + size, static_cast<std::streamsize>(kChunk));
  const auto got = static_cast<std::size_t>(stream_.gcount());
  buffer_.resize(size + got);
  return got > 0;
}

// Sets end_ and next_ to the first newline from next_ on.
bool CsvReader::read_line() {
  std::size_t from = next_;
  while (true) {
    const std::size_t newline = buffer_.find('\n', from);
    if (newline != std::string::npos) {
      end_ = newline;
      next_ = newline + 1;
      unterminated_ = false;
      return true;
    }
    const std::size_t scanned = buffer_.size() - begin_;
    if (!refill()) break;
    from = begin_ + scanned;
  }
  if (next_ >= buffer_.size()) return false;
  end_ = next_ = buffer_.size();
  unterminated_ = true;
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
    if (!read_line()) return false;
    if (!extend_to_closing_quote()) fail(": a quote is opened and never closed");
    if (end_ > begin_ && buffer_[end_ - 1] == '\r') --end_;
  } while (trim(std::string_view(buffer_).substr(begin_, end_ - begin_)).empty());
  fields_.clear();
  unquoted_.clear();
  const std::string_view line = std::string_view(buffer_).substr(begin_, end_ - begin_);
  if (line.find('"') == std::string_view::npos) {
    split_plain(line);
  } else {
    split_quoted(line);
  }
  return true;
}

void CsvReader::split_plain(std::string_view line) {
  while (true) {
    const std::size_t comma = line.find(',');
    fields_.push_back(trim(line.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    line.remove_prefix(comma + 1);
  }
}

void CsvReader::split_quoted(std::string_view line) {
  std::string* field = &unquoted_.emplace_back();
  bool quoted = false, was_quoted = false;
  const auto finish = [&] {
    fields_.push_back(was_quoted ? std::string_view(*field) : trim(*field));
    was_quoted = false;
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      *field += c;
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
      was_quoted = true;
    } else if (c == ',' && !quoted) {
      finish();
      field = &unquoted_.emplace_back();
    } else {
      *field += c;
    }
  }
  finish();
}

}  // namespace isoflop
