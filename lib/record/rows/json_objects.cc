// SPDX-License-Identifier: Apache-2.0
#include "record/rows/json_objects.h"

#include "base/atomic_file.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "record/rows/line_reader.h"
#include "record/rows/require_text.h"

namespace isoflop {
namespace {

/// Bare NaN and Infinity become strings, from which no number will be read.
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

Json parse_as_python_writes(const std::string& text, const std::string& file) {
  const bool bare =
      text.find("NaN") != std::string::npos || text.find("Infinity") != std::string::npos;
  return parse_json_keeping_digits(bare ? quote_bare_constants(text) : text, file);
}

class ObjectLines : public JsonObjects {
 public:
  explicit ObjectLines(const std::filesystem::path& file) : lines_(file) {}
  bool next() override {
    do {
      if (!lines_.next(text_)) return false;
    } while (trim(text_).empty());
    return true;
  }
  std::int64_t number() const override { return lines_.line(); }
  std::string place() const override {
    return lines_.file() + ": line " + std::to_string(lines_.line());
  }
  Json parse() const override {
    Json object = parse_line();
    if (object.if_object() == nullptr) fail(": must be one JSON object per line");
    return object;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::parse, place() + what);
  }
  // "<path>: line 1, column 7: <what>" of the line's own text becomes "column 7: <what> (in
  // <path>)".
  Json parse_line() const {
    try {
      return parse_as_python_writes(text_, "");
    } catch (const Error& error) {
      std::string_view what = error.what();
      if (what.starts_with(": ")) what.remove_prefix(2);
      constexpr std::string_view kFirstLine = "line 1, ";
      const std::size_t at = what.find(kFirstLine);
      if (at == std::string_view::npos) fail(": " + std::string(what));
      const std::string path = at > 2 ? " (in " + std::string(what.substr(0, at - 2)) + ")" : "";
      fail(", " + std::string(what.substr(at + kFirstLine.size())) + path);
    }
  }

  LineReader lines_;
  std::string text_;
};

class ArrayElements : public JsonObjects {
 public:
  ArrayElements(const std::filesystem::path& file, const std::string& text)
      : file_(file.string()), array_(parse_as_python_writes(text, file_)) {}
  bool next() override {
    if (at_ == array_.if_array()->size()) return false;
    ++at_;
    return true;
  }
  std::int64_t number() const override { return static_cast<std::int64_t>(at_); }
  std::string place() const override { return file_ + ": element " + std::to_string(at_); }
  Json parse() const override {
    const Json& element = (*array_.if_array())[at_ - 1];
    if (element.if_object() == nullptr) {
      throw Error(ErrorCode::parse, place() + ": must be a JSON object");
    }
    return element;
  }

 private:
  std::string file_;
  Json array_;
  std::size_t at_ = 0;  // from 1; 0 before the first
};

bool begins_an_array(const std::filesystem::path& file) {
  LineReader lines(file);
  std::string line;
  while (lines.next(line)) {
    const std::string_view text = trim(line);
    if (!text.empty()) return text.front() == '[';
  }
  return false;
}

}  // namespace

std::unique_ptr<JsonObjects> json_objects(const std::filesystem::path& file) {
  require_rereadable(file);
  if (!begins_an_array(file)) return std::make_unique<ObjectLines>(file);
  const std::string text = read_text_file(file);
  return std::make_unique<ArrayElements>(file, text.substr(byte_order_mark_size(text)));
}

}  // namespace isoflop
