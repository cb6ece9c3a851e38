// SPDX-License-Identifier: Apache-2.0
#include "sweep_display.h"

#include <cstdio>

#include <unistd.h>

#include "base/text.h"

namespace isoflop::cli {
namespace {

constexpr auto kPlainInterval = std::chrono::seconds(30);

bool has_ended(CellState state) {
  return state == CellState::completed || state == CellState::diverged ||
         state == CellState::failed;
}

std::string ending(const CellStatus& cell) {
  if (cell.state == CellState::completed) {
    return rounded_text(cell.record->validation->bits_per_byte, 4) + " bits/byte in " +
           duration_text(cell.record->wall_seconds);
  }
  if (!cell.message.empty()) return cell.message;
  if (cell.record && !cell.record->message.empty()) return cell.record->message;
  return cell.state == CellState::diverged ? "diverged" : "failed";
}

}  // namespace

std::string describe(const CellStatus& cell) {
  const RunSpec& spec = cell.run.spec;
  char head[160];
  std::snprintf(head, sizeof head, "C %-7s %-11s %7s tokens  lr %-8s batch %-6lld",
                rounded_text(cell.run.budget, 3).c_str(), short_name(spec.shape).c_str(),
                si_text(spec.tokens().value()).c_str(), rounded_text(spec.peak_lr, 3).c_str(),
                static_cast<long long>(spec.batch_tokens));
  return std::string(head) + " " + ending(cell);
}

SweepDisplay::SweepDisplay(std::string name)
    : name_(std::move(name)), terminal_(isatty(STDERR_FILENO) == 1) {}

void SweepDisplay::print_ended(const SweepStatus& status) {
  std::int64_t n_ended = 0;
  for (const CellStatus& cell : status.cells) n_ended += has_ended(cell.state);
  for (const CellStatus& cell : status.cells) {
    if (!has_ended(cell.state) || !told_.insert(cell.run.run_id).second || first_) continue;
    std::fprintf(stderr, "%s  %3lld/%zu  %s\n", name_.c_str(), static_cast<long long>(n_ended),
                 status.cells.size(), describe(cell).c_str());
  }
}

std::string SweepDisplay::summary(const SweepStatus& status) const {
  std::string text = name_ + "  " + std::to_string(status.count(CellState::completed)) + " of " +
                     std::to_string(status.cells.size()) + " runs, " +
                     rounded_text(100 * status.compute_done / status.compute_total, 3) +
                     " % of the compute";
  if (status.eta_seconds) text += ", " + duration_text(*status.eta_seconds) + " to go";
  return text;
}

void SweepDisplay::update(const SweepStatus& status) {
  if (terminal_) std::fprintf(stderr, "\r\x1b[K");
  print_ended(status);
  if (first_ && !told_.empty()) {
    std::fprintf(stderr, "%s  %zu of %zu runs were done before\n", name_.c_str(), told_.size(),
                 status.cells.size());
  }
  for (const std::string& warning : status.warnings) {
    if (told_.insert(warning).second) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  first_ = false;
  if (terminal_) {
    std::fprintf(stderr, "%s", summary(status).c_str());
  } else if (Clock::now() - last_line_ >= kPlainInterval) {
    std::fprintf(stderr, "%s\n", summary(status).c_str());
    last_line_ = Clock::now();
  }
  std::fflush(stderr);
}

void SweepDisplay::finish() {
  if (terminal_) std::fprintf(stderr, "\r\x1b[K");
}

}  // namespace isoflop::cli
