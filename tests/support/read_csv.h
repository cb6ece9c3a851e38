// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/text.h"

namespace isoflop::test {

/// The numeric columns of a plain CSV file by name; a field that is no number is 0.
inline std::map<std::string, std::vector<double>> read_csv(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string line;
  if (!std::getline(stream, line)) throw std::runtime_error("cannot read " + file.string());
  const std::vector<std::string> names = split(line, ',');
  std::map<std::string, std::vector<double>> columns;
  while (std::getline(stream, line)) {
    const std::vector<std::string> fields = split(line, ',');
    for (std::size_t i = 0; i < names.size(); ++i) {
      columns[names[i]].push_back(parse_double(trim(fields.at(i))).value_or(0));
    }
  }
  return columns;
}

}  // namespace isoflop::test
