// SPDX-License-Identifier: Apache-2.0
#include "report/warning_digest.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace isoflop {
namespace {

// Words that hold a digit are what warnings of one kind differ in.
std::string kind_of(const std::string& warning) {
  std::string kind;
  for (const std::string& word : split(warning, ' ')) {
    const bool number =
        std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    kind += number ? "# " : word + " ";
  }
  return kind;
}

}  // namespace

std::vector<WarningGroup> grouped(const std::vector<std::string>& warnings) {
  std::vector<WarningGroup> groups;
  std::vector<std::string> kinds;
  for (const std::string& warning : warnings) {
    const std::string kind = kind_of(warning);
    const auto known = std::find(kinds.begin(), kinds.end(), kind);
    if (known == kinds.end()) {
      kinds.push_back(kind);
      groups.push_back({warning});
    } else {
      ++groups[static_cast<std::size_t>(known - kinds.begin())].n_alike;
    }
  }
  return groups;
}

bool is_of_one_budget(const std::string& warning) {
  for (const char* start : {"budget ", "Compute ", "At "}) {
    if (warning.rfind(start, 0) == 0) return true;
  }
  return false;
}

std::string shortened(const std::string& text, std::size_t width) {
  if (text.size() <= width) return text;
  const std::size_t clause = text.rfind(';', width - 1);
  if (clause != text.npos && 2 * clause > width) return text.substr(0, clause) + ".";
  const std::size_t word = text.rfind(' ', width - 4);
  return text.substr(0, word == text.npos || word == 0 ? width - 4 : word) + " ...";
}

}  // namespace isoflop
