// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "record/import_preset.h"
#include "record/import_units.h"
#include "record/rows/row_source.h"

namespace isoflop {

/// Where a column of ours comes from.
struct ColumnOrigin {
  std::vector<std::size_t> fields;  // of a row; their sum
  ForeignUnit unit = {};
  std::optional<std::string> constant;
  [[nodiscard]] bool is_copy() const { return fields.size() == 1 && unit.is_ours(); }
};

/// How a file's rows become rows of points.
struct ImportColumns {
  std::array<ColumnOrigin, kPointColumnCount> ours;
  bool loss_is_bits_per_byte = false;
  bool tokens_from_compute = false;
  std::optional<std::size_t> outlier, reason, state, experiment, convention;
  std::vector<std::pair<std::size_t, std::string>> where;  // field, value
  std::vector<std::size_t> others;                         // fields that are kept
  std::vector<std::string> other_names;                    // what they are written as
  /// The fields of the metrics.
  [[nodiscard]] std::vector<std::size_t> measured() const;
};

/// Throws Error(parse) for columns that are not in the file, and Error(invalid_argument) for
/// options that contradict it or each other.
[[nodiscard]] ImportColumns import_columns(const RowSource& rows, const std::string& file,
                                           const ImportPreset& preset,
                                           const ImportOptions& options);

}  // namespace isoflop
