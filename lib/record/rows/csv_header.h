// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "record/rows/csv_reader.h"

namespace isoflop {

/// The names in the row that `csv` is at. A column without one, such as the index that pandas
/// writes, is called after its place, column_1. Throws Error(parse) for a name that appears twice.
[[nodiscard]] std::vector<std::string> csv_header(const CsvReader& csv);

}  // namespace isoflop
