// SPDX-License-Identifier: Apache-2.0
#include "name_pairs.h"

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop::cli {

std::map<std::string, std::string> name_pairs(const std::string& option, const std::string& text) {
  std::map<std::string, std::string> pairs;
  if (text.empty()) return pairs;
  for (const std::string& pair : split(text, ',')) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      throw Error(ErrorCode::invalid_argument,
                  option + ": must be ours=theirs,..., got \"" + pair + "\"");
    }
    if (!pairs.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second) {
      throw Error(ErrorCode::invalid_argument,
                  option + ": " + pair.substr(0, equals) + " is given twice");
    }
  }
  return pairs;
}

}  // namespace isoflop::cli
