// SPDX-License-Identifier: Apache-2.0
#include "data/normal_form.h"

namespace isoflop {
namespace {

constexpr std::string_view kMark = "\xef\xbb\xbf";

// Takes the first line off, without what ends it.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  const bool is_crlf = end != text.npos && text.substr(end, 2) == "\r\n";
  text.remove_prefix(end == text.npos ? text.size() : end + (is_crlf ? 2 : 1));
  return line;
}

}  // namespace

std::string normal_form(std::string_view document) {
  if (document.starts_with(kMark)) document.remove_prefix(kMark.size());
  std::string normal;
  normal.reserve(document.size() + 1);
  std::size_t n_blank_lines = 0;  // since the last line of text
  while (!document.empty()) {
    std::string_view line = take_line(document);
    line = line.substr(0, line.find_last_not_of(" \t\v\f") + 1);
    if (line.empty()) {
      ++n_blank_lines;
      continue;
    }
    if (!normal.empty()) normal.append(n_blank_lines, '\n');
    n_blank_lines = 0;
    normal += line;
    normal += '\n';
  }
  return normal;
}

}  // namespace isoflop
