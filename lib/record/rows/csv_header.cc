// SPDX-License-Identifier: Apache-2.0
#include "record/rows/csv_header.h"

#include <set>

namespace isoflop {

std::vector<std::string> csv_header(const CsvReader& csv) {
  std::vector<std::string> names(csv.fields().begin(), csv.fields().end());
  std::set<std::string> taken;
  for (const std::string& name : names) {
    if (!name.empty() && !taken.insert(name).second) {
      csv.fail(": the column " + name + " appears twice");
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) continue;
    names[i] = "column_" + std::to_string(i + 1);
    while (!taken.insert(names[i]).second) names[i] += '_';
  }
  return names;
}

}  // namespace isoflop
