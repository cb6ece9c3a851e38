// SPDX-License-Identifier: Apache-2.0
#include "data/document_reader.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

// Gathers the bytes of one document and knows where its last line starts.
class Splitter {
 public:
  Splitter(const DocumentRule& rule, const std::function<void(std::string_view)>& on_document)
      : rule_(rule), on_document_(on_document) {}

  void add(std::string_view chunk) {
    while (!chunk.empty()) {
      const std::size_t newline = chunk.find('\n');
      const std::size_t n = newline == chunk.npos ? chunk.size() : newline + 1;
      document_.append(chunk.substr(0, n));
      chunk.remove_prefix(n);
      if (newline != chunk.npos) end_line();
      if (document_.size() >= kMaxDocumentBytes) end_document();
    }
  }

  void finish() {
    if (line_start_ < document_.size()) end_line();  // the last line may lack its newline
    end_document();
  }

 private:
  void end_line() {
    const std::string_view line = std::string_view(document_).substr(line_start_);
    if (rule_.separator.empty()) {
      const bool long_enough = static_cast<std::int64_t>(document_.size()) >= rule_.min_bytes;
      if (long_enough && trim(line).empty()) return end_document();
    } else if (is_separator(line)) {
      document_.resize(line_start_);
      return end_document();
    }
    line_start_ = document_.size();
  }

  [[nodiscard]] bool is_separator(std::string_view line) const {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line == rule_.separator;
  }

  void end_document() {
    if (!document_.empty()) on_document_(document_);
    document_.clear();
    line_start_ = 0;
  }

  const DocumentRule& rule_;
  const std::function<void(std::string_view)>& on_document_;
  std::string document_;
  std::size_t line_start_ = 0;
};

void refuse_nul(std::string_view chunk, std::int64_t offset, const std::filesystem::path& file) {
  const std::size_t nul = chunk.find('\0');
  if (nul == chunk.npos) return;
  throw Error(ErrorCode::invalid_argument,
              file.string() + ": byte " + std::to_string(offset + static_cast<std::int64_t>(nul)) +
                  " is NUL, which text must not contain: token 0 separates documents");
}

}  // namespace

void read_documents(const std::filesystem::path& file, const DocumentRule& rule,
                    const std::function<void(std::string_view)>& on_document) {
  std::error_code status;
  if (std::filesystem::is_directory(file, status)) {
    throw Error(ErrorCode::parse, file.string() + ": is a folder, expected a text file");
  }
  std::ifstream stream(file, std::ios::binary);
  Splitter splitter(rule, on_document);
  std::vector<char> buffer(kChunkBytes);
  std::int64_t offset = 0;
  while (stream.is_open() && stream) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const std::string_view chunk(buffer.data(), static_cast<std::size_t>(stream.gcount()));
    refuse_nul(chunk, offset, file);
    splitter.add(chunk);
    offset += static_cast<std::int64_t>(chunk.size());
  }
  if (!stream.is_open() || stream.bad()) {
    throw Error(ErrorCode::parse, file.string() + ": cannot be read: " + std::strerror(errno));
  }
  splitter.finish();
}

}  // namespace isoflop
