// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>

#include "isoflop/run.h"

namespace isoflop::cli {

/// Progress on stderr: one line for each run that ends and, on a terminal, a line at the bottom
/// that is always current; elsewhere that line comes every half minute.
class SweepDisplay {
 public:
  explicit SweepDisplay(std::string name);
  void update(const SweepStatus& status);
  /// Erases the current line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void look_at(const SweepStatus& status);
  void print_before(const SweepStatus& status) const;
  void print_ended(const SweepStatus& status);
  [[nodiscard]] std::string summary(const SweepStatus& status) const;

  std::string name_;
  bool terminal_;
  bool first_ = true;
  std::map<std::string, CellState> seen_;  // of each run, when we looked last
  std::set<std::string> failed_before_;    // by earlier launches, and not tried again yet
  std::set<std::string> told_;             // warnings
  Clock::time_point last_line_ = Clock::now();
};

/// "d48 L2 h2, 6.4M tokens, lr 0.004, batch 1024: 2.371 bits/byte" or how else it ended.
[[nodiscard]] std::string describe(const CellStatus& cell);

/// Share of the compute that is done, with one decimal; 100 only where every run is final.
[[nodiscard]] std::string percent_done(const SweepStatus& status);

}  // namespace isoflop::cli
