// SPDX-License-Identifier: Apache-2.0
#include "sweep_display.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

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

std::string percent_done(const SweepStatus& status) {
  const bool all_final =
      std::all_of(status.cells.begin(), status.cells.end(), [](const CellStatus& cell) {
        return cell.state == CellState::completed || cell.state == CellState::diverged;
      });
  const double share = status.compute_total > 0 ? status.compute_done / status.compute_total : 0;
  const double percent = all_final ? 100 : std::min(99.9, std::floor(1000 * share) / 10);
  char text[16];
  std::snprintf(text, sizeof text, "%.1f", percent);
  return text;
}

/// What has changed since we looked last; before the first look, everything is of earlier launches.
void SweepDisplay::look_at(const SweepStatus& status) {
  for (const CellStatus& cell : status.cells) {
    if (first_ && cell.state == CellState::failed) failed_before_.insert(cell.run.run_id);
    if (cell.state != CellState::failed) failed_before_.erase(cell.run.run_id);
  }
}

void SweepDisplay::print_before(const SweepStatus& status) const {
  const std::int64_t n_done =
      status.count(CellState::completed) + status.count(CellState::diverged);
  if (n_done > 0) {
    std::fprintf(stderr, "%s  %lld of %zu runs were done before\n", name_.c_str(),
                 static_cast<long long>(n_done), status.cells.size());
  }
  if (!failed_before_.empty()) {
    std::fprintf(stderr, "%s  %zu of %zu runs failed before and are tried again\n", name_.c_str(),
                 failed_before_.size(), status.cells.size());
  }
}

void SweepDisplay::print_ended(const SweepStatus& status) {
  const auto ended_here = [this](const CellStatus& cell) {
    return has_ended(cell.state) && failed_before_.count(cell.run.run_id) == 0;
  };
  const auto n_ended = std::count_if(status.cells.begin(), status.cells.end(), ended_here);
  for (const CellStatus& cell : status.cells) {
    const auto [seen, is_new] = seen_.emplace(cell.run.run_id, cell.state);
    const bool has_changed = std::exchange(seen->second, cell.state) != cell.state;
    if (is_new || !has_changed || !ended_here(cell)) continue;
    std::fprintf(stderr, "%s  %3lld/%zu  %s\n", name_.c_str(), static_cast<long long>(n_ended),
                 status.cells.size(), describe(cell).c_str());
  }
}

std::string SweepDisplay::summary(const SweepStatus& status) const {
  std::string text = name_ + "  " + std::to_string(status.count(CellState::completed)) + " of " +
                     std::to_string(status.cells.size()) + " runs, " + percent_done(status) +
                     " % of the compute";
  if (status.eta_seconds) text += ", " + duration_text(*status.eta_seconds) + " to go";
  return text;
}

void SweepDisplay::update(const SweepStatus& status) {
  if (terminal_) std::fprintf(stderr, "\r\x1b[K");
  look_at(status);
  if (first_) print_before(status);
  print_ended(status);
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
