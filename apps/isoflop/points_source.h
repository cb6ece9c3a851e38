// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "isoflop/plan.h"
#include "isoflop/point.h"

namespace CLI {
class App;
}

namespace isoflop::cli {

/// Points of a CSV, with its columns named, or of a sweep's completed runs.
struct PointsSource {
  std::string file_or_sweep;
  std::string columns;  // params=N,tokens=D
  bool skip_bad_rows = false;
};

struct LoadedPoints {
  PointSet points;
  std::optional<Plan> plan;  // of a sweep
  std::string source;        // in words, for a law's `source`
};

void add_points_source_options(CLI::App& command, PointsSource& source);
[[nodiscard]] LoadedPoints load_points(const PointsSource& source);

}  // namespace isoflop::cli
