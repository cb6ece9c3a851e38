// SPDX-License-Identifier: Apache-2.0
#include "record/point_columns.h"

#include <algorithm>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {

PointColumn point_column(const std::string& name, const std::string& option) {
  const auto found = std::find(kPointColumnNames.begin(), kPointColumnNames.end(), name);
  if (found == kPointColumnNames.end()) {
    throw Error(ErrorCode::invalid_argument,
                option + ": " + name + " is no column of ours; there are " +
                    join(point_column_names(), ", ") + did_you_mean(name, point_column_names()));
  }
  return static_cast<PointColumn>(found - kPointColumnNames.begin());
}

std::optional<bool> parse_flag(std::string_view cell) {
  std::string lower(cell);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower.empty() || lower == "0" || lower == "false") return false;
  if (lower == "1" || lower == "true") return true;
  return std::nullopt;
}

void append_csv_cell(std::string_view text, std::string& row) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos && trim(text).size() == text.size()) {
    row += text;
    return;
  }
  row += '"';
  for (const char c : text) {
    if (c == '"') row += c;
    row += c;
  }
  row += '"';
}

std::string csv_cell(std::string_view text) {
  std::string cell;
  append_csv_cell(text, cell);
  return cell;
}

}  // namespace isoflop
