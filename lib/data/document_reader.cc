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
    const std::string_view line = without_end(std::string_view(document_).substr(line_start_));
    if (rule_.separator.empty()) {
      // Copies that were saved in different ways end in the same places.
      if (n_bytes_ > 0 || !line.empty()) n_bytes_ += static_cast<std::int64_t>(line.size()) + 1;
      if (n_bytes_ >= rule_.min_bytes && line.empty()) return end_document();
    } else if (line == without_end(rule_.separator)) {
      document_.resize(line_start_);
      return end_document();
    }
    line_start_ = document_.size();
  }

  // Without the line's end and blanks before it.
  [[nodiscard]] static std::string_view without_end(std::string_view line) {
    return line.substr(0, line.find_last_not_of(" \t\v\f\r\n") + 1);
  }

  void end_document() {
    if (!document_.empty()) on_document_(document_);
    document_.clear();
    line_start_ = 0;
    n_bytes_ = 0;
  }

  const DocumentRule& rule_;
  const std::function<void(std::string_view)>& on_document_;
  std::string document_;
  std::size_t line_start_ = 0;
  std::int64_t n_bytes_ = 0;  // from the first line of text on, without blanks at the ends of lines
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
