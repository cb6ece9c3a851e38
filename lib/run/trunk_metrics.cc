// SPDX-License-Identifier: Apache-2.0
#include "run/trunk_metrics.h"

#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "base/atomic_file.h"
#include "run/metrics_file.h"

namespace isoflop {
namespace {

/// Replaces `to` by the first `n_lines` of `from`, one for each step from 1 on. A file that has
/// fewer is not copied.
void copy_lines(const std::filesystem::path& from, std::int64_t n_lines,
                const std::filesystem::path& to) {
  std::ifstream stream(from, std::ios::binary);
  std::string text;
  for (std::string line; n_lines > 0; --n_lines) {
    if (!std::getline(stream, line) || stream.eof()) return;
    text += line + "\n";
  }
  write_file_atomically(to, text);
}

}  // namespace

TrunkMetrics::TrunkMetrics(const std::filesystem::path& trunk_folder,
                           std::filesystem::path run_file, std::int64_t branch_step)
    : trunk_file_(trunk_folder.empty() ? trunk_folder : trunk_folder / "metrics.jsonl"),
      run_file_(std::move(run_file)),
      branch_step_(branch_step) {}

void TrunkMetrics::complete(std::int64_t step) const {
  if (trunk_file_.empty() || last_step(run_file_) >= step - 1) return;
  copy_lines(trunk_file_, step - 1, run_file_);
}

void TrunkMetrics::keep(std::int64_t step) const {
  if (trunk_file_.empty() || step != branch_step_ || last_step(trunk_file_) >= step) return;
  std::error_code ignored;  // the write says it better
  std::filesystem::create_directories(trunk_file_.parent_path(), ignored);
  copy_lines(run_file_, step, trunk_file_);
}

}  // namespace isoflop
