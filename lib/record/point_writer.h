// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "record/outlier_rules.h"
#include "record/point_rows.h"

namespace isoflop {

/// The points CSV of an import, as it goes.
class PointWriter {
 public:
  PointWriter(const std::filesystem::path& file, const ImportColumns& columns,
              std::optional<FlopsConvention> convention);
  void write(const Point& point, const PointRows& rows, const RowSource& source,
             const std::vector<OutlierReason>& reasons);
  void commit();

 private:
  void write_quantities(const Point& point, const PointRows& rows);
  void flush();

  AtomicFile file_;
  const ImportColumns& columns_;
  std::string convention_, buffer_;
};

}  // namespace isoflop
