// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "isoflop/point.h"
#include "record/import_columns.h"

namespace isoflop {

/// The rows of a file that is imported, as points.
class PointRows {
 public:
  PointRows(RowSource& rows, const ImportColumns& columns) : rows_(rows), columns_(columns) {}

  /// Of the row that was read. Throws Error(parse) naming file, row and column.
  void read(Point& point) const;
  /// The cell of a column that is not converted.
  [[nodiscard]] std::string_view text(PointColumn column) const;
  /// Whether it is among those that --where leaves.
  [[nodiscard]] bool is_asked_for() const;

 private:
  std::optional<double> quantity(PointColumn column) const;
  std::optional<std::int64_t> integer(PointColumn column) const;
  void read_tokens(Point& point) const;
  void require(bool has, PointColumn a, PointColumn b) const;
  void complain(PointColumn column, const std::string& what) const;

  RowSource& rows_;
  const ImportColumns& columns_;
};

}  // namespace isoflop
