// SPDX-License-Identifier: Apache-2.0
#include "record/rows/line_reader.h"

#include "isoflop/error.h"
#include "record/rows/require_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kLineChunk = std::size_t{1} << 18;
constexpr std::size_t kMaxLine = std::size_t{1} << 20;

}  // namespace

char line_end_of(std::string_view beginning) {
  const bool has_return = beginning.find('\r') != std::string_view::npos;
  return has_return && beginning.find('\n') == std::string_view::npos ? '\r' : '\n';
}

LineReader::LineReader(const std::filesystem::path& file) : input_(file) {
  refill();
  require_text(buffer_, input_.file());
  next_ = byte_order_mark_size(buffer_);
  line_end_ = line_end_of(buffer_);
}

bool LineReader::refill() {
  buffer_.erase(0, next_);
  next_ = 0;
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kLineChunk);
  const std::size_t got = input_.read(std::span(buffer_).subspan(size));
  buffer_.resize(size + got);
  return got > 0;
}

bool LineReader::next(std::string& line) {
  std::size_t end = buffer_.find(line_end_, next_);
  while (end == std::string::npos) {
    const std::size_t scanned = buffer_.size() - next_;
    if (scanned > kMaxLine) {
      throw Error(ErrorCode::parse,
                  file() + ": line " + std::to_string(line_ + 1) + ": is longer than 1 MiB");
    }
    if (!refill()) break;
    end = buffer_.find(line_end_, scanned);
  }
  if (next_ == buffer_.size()) return false;
  ++line_;
  const bool is_terminated = end != std::string::npos;
  if (!is_terminated) end = buffer_.size();
  line.assign(buffer_, next_, end - next_);
  next_ = is_terminated ? end + 1 : end;
  return true;
}

}  // namespace isoflop
