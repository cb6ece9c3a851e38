// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

#include "isoflop/train.h"

namespace isoflop {

/// metrics.jsonl: one JSON object per step, with the names of StepMetrics; numbers that are not
/// finite are left out. Written so that each step is in it once, whatever happened to the run.
class MetricsFile {
 public:
  explicit MetricsFile(std::filesystem::path file) : file_(std::move(file)) {}
  /// Each line is handed to the system at once. The first call drops the lines of later steps,
  /// which a run that ended behind its last checkpoint has left, and a line cut off in the middle.
  void append(const StepMetrics& metrics);

 private:
  void open_before(std::int64_t step);
  std::filesystem::path file_;
  std::ofstream stream_;
};

/// Calls visit() for every whole line, in order; what was not finite, or is not there, is NaN
/// (noise_scale_tokens: 0). A file that is not there has no lines, and what follows a line that is
/// none of ours is not read.
void for_each_step(const std::filesystem::path& metrics_file,
                   const std::function<void(const StepMetrics&)>& visit);

/// The step of the last whole line; 0 where there is none.
[[nodiscard]] std::int64_t last_step(const std::filesystem::path& metrics_file);

}  // namespace isoflop
