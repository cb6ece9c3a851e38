// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "command_line.h"
#include "isoflop/point.h"
#include "isoflop/run_record.h"

namespace isoflop::cli {

/// Points of CSVs, with their columns named, and of sweeps' completed runs.
struct PointsSource {
  std::vector<std::string> files_or_sweeps;
  std::string columns = {};  // params=N,tokens=D
  std::string where = {};    // experiment=a: only the rows that say so
  bool skip_bad_rows = false, skip_outliers = false;
};

struct LoadedPoints {
  PointSet points;
  std::vector<std::string> questions;  // of the sweeps
  std::vector<RunRecord> records;      // of the sweeps, whatever became of the runs
  std::string source;                  // in words, for a law's `source`
  std::vector<std::string> warnings;   // of sweeps that are not finished
};

void add_points_source_options(Command& command, PointsSource& source);
/// All sources together. Throws Error(frame_mismatch) if they do not share a frame, and
/// Error(invalid_argument) for names of columns where no source is a CSV.
[[nodiscard]] LoadedPoints load_points(const PointsSource& source);

/// --scale, of every command that fits: what the points state, unless it is named.
void add_scale_option(Command& command, std::string& scale);
[[nodiscard]] LossLaw::Scale scale_of(const PointSet& points, const std::string& asked);

/// Says on stderr what was left out, what is suspected, and which units cannot be meant.
void print_points_notes(const PointSet& points, bool skip_outliers);

}  // namespace isoflop::cli
