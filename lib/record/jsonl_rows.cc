// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <fstream>
#include <unordered_map>

#include "base/json.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "record/require_text.h"
#include "record/row_source.h"

namespace isoflop {
namespace {

constexpr std::size_t kMaxLine = std::size_t{1} << 20;
constexpr std::size_t kMaxColumns = 4096;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// Python writes NaN and Infinity, which JSON does not have: outside strings they become strings,
/// which no number will be read from.
std::string quote_bare_constants(std::string_view line) {
  std::string text;
  bool in_string = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (in_string && line[i] == '\\' && i + 1 < line.size()) {
      text += line.substr(i, 2);
      ++i;
      continue;
    }
    if (line[i] == '"') in_string = !in_string;
    std::size_t length = 0;
    for (const std::string_view word : {"NaN", "-Infinity", "Infinity"}) {
      if (!in_string && length == 0 && line.substr(i).starts_with(word)) length = word.size();
    }
    if (length == 0) {
      text += line[i];
    } else {
      text += '"' + std::string(line.substr(i, length)) + '"';
      i += length - 1;
    }
  }
  return text;
}

std::string scalar_text(const Json& value) {
  if (const auto* text = value.if_string()) return std::string(trim(*text));
  if (const auto* integer = value.if_integer()) return std::to_string(*integer);
  if (const auto* number = value.if_double()) return exact_text(*number);
  if (const auto* truth = value.if_bool()) return *truth ? "true" : "false";
  return "";
}

/// Calls visit(dotted path, text) for every scalar below `value`.
template <class Visit>
void for_each_scalar(const Json& value, const std::string& path, const Visit& visit) {
  const std::string below = path.empty() ? "" : path + ".";
  if (const auto* object = value.if_object()) {
    for (const auto& [key, member] : *object) for_each_scalar(member, below + key, visit);
  } else if (const auto* array = value.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      for_each_scalar((*array)[i], below + std::to_string(i), visit);
    }
  } else {
    visit(path, scalar_text(value));
  }
}

class JsonlRows : public RowSource {
 public:
  explicit JsonlRows(const std::filesystem::path& file) : file_(file.string()) {
    open();
    while (next()) collect_columns();
    if (line_ == 0) throw Error(ErrorCode::parse, file_ + ": is empty, expected a JSON object");
    open();
  }
  const std::vector<std::string>& header() const override { return header_; }

  bool next() override {
    do {
      if (!std::getline(stream_, text_)) return false;
      ++line_;
      if (text_.size() > kMaxLine) fail("is longer than 1 MiB");
      if (line_ == 1) {
        require_text(text_, file_);
        if (text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
      }
    } while (trim(text_).empty());
    return true;
  }

  void read() override {
    for (std::string& cell : cells_) cell.clear();
    const Json object = parse();
    std::vector<bool> seen(header_.size());
    for_each_scalar(object, "", [&](const std::string& path, std::string text) {
      const auto found = column_of_.find(path);
      if (found == column_of_.end()) return;
      if (seen[found->second]) fail_in(path, "appears twice");
      seen[found->second] = true;
      cells_[found->second] = std::move(text);
    });
    fields_.assign(cells_.begin(), cells_.end());
  }
  std::span<const std::string_view> fields() const override { return fields_; }
  std::int64_t row() const override { return line_; }
  void fail(const std::string& complaint) const override {
    throw Error(ErrorCode::parse, file_ + ": line " + std::to_string(line_) + ": " + complaint);
  }
  void fail_in(const std::string& column, const std::string& complaint) const override {
    std::string path;
    for (const std::string& key : split(column, '.')) path += "/" + key;
    fail(path + ": " + complaint);
  }
  std::string header_place() const override { return ""; }

 private:
  void open() {
    line_ = 0;
    std::error_code ignored;
    stream_ = std::ifstream(file_, std::ios::binary);
    if (!stream_ || std::filesystem::is_directory(file_, ignored)) {
      throw Error(ErrorCode::parse,
                  file_ + ": cannot be read: " + (stream_ ? "is a folder" : std::strerror(errno)));
    }
  }

  Json parse() const {
    const bool bare =
        text_.find("NaN") != std::string::npos || text_.find("Infinity") != std::string::npos;
    try {
      Json object = parse_json(bare ? quote_bare_constants(text_) : text_, "");
      if (object.if_object() == nullptr) fail("must be one JSON object per line");
      return object;
    } catch (const Error& error) {
      std::string_view what = error.what();
      if (!what.starts_with(": ")) throw;
      what.remove_prefix(2);
      constexpr std::string_view kFirstLine = "line 1, ";
      const std::size_t at = what.find(kFirstLine);
      if (at == std::string_view::npos) fail(std::string(what));
      const std::string path = at > 2 ? " (in " + std::string(what.substr(0, at - 2)) + ")" : "";
      throw Error(ErrorCode::parse, file_ + ": line " + std::to_string(line_) + ", " +
                                        std::string(what.substr(at + kFirstLine.size())) + path);
    }
  }

  // A line that is no JSON is complained about when it is read as a row.
  void collect_columns() {
    try {
      for_each_scalar(parse(), "", [&](const std::string& path, const std::string&) {
        if (header_.size() == kMaxColumns || !column_of_.emplace(path, header_.size()).second) {
          return;
        }
        header_.push_back(path);
        cells_.emplace_back();
      });
    } catch (const Error&) {
    }
  }

  std::string file_, text_;
  std::ifstream stream_;
  std::int64_t line_ = 0;
  std::vector<std::string> header_, cells_;
  std::unordered_map<std::string, std::size_t> column_of_;
  std::vector<std::string_view> fields_;
};

}  // namespace

std::unique_ptr<RowSource> jsonl_rows(const std::filesystem::path& file) {
  return std::make_unique<JsonlRows>(file);
}

}  // namespace isoflop
