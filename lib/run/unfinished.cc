// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "base/text.h"
#include "isoflop/run.h"

namespace isoflop {
namespace {

constexpr std::size_t kMostNamed = 5;

void add_count(const SweepStatus& status, CellState state, const char* words,
               std::vector<std::string>& parts) {
  const std::int64_t n = status.count(state);
  if (n > 0) parts.push_back(std::to_string(n) + " " + words);
}

}  // namespace

std::vector<std::string> unfinished_warnings(const SweepStatus& status) {
  std::vector<std::string> parts;
  add_count(status, CellState::failed, "failed", parts);
  add_count(status, CellState::running, "running", parts);
  add_count(status, CellState::waiting, "waiting", parts);
  if (parts.empty()) return {};
  const std::int64_t n_missing = status.count(CellState::failed) +
                                 status.count(CellState::running) +
                                 status.count(CellState::waiting);
  std::vector<std::string> warnings = {std::to_string(n_missing) + " of the sweep's " +
                                       std::to_string(status.cells.size()) + " runs are missing (" +
                                       join(parts, ", ") + "): all that follows is of the others"};
  for (const CellStatus& cell : status.cells) {
    if (cell.state != CellState::failed) continue;
    if (warnings.size() > kMostNamed) {
      warnings.emplace_back("more runs failed; isoflop status names them");
      break;
    }
    warnings.push_back("run " + cell.run.run_id + " failed: " + cell.message);
  }
  return warnings;
}

}  // namespace isoflop
