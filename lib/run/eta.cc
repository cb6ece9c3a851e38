// SPDX-License-Identifier: Apache-2.0
#include "run/eta.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <vector>

namespace isoflop {

double makespan_seconds(std::span<const double> costs, int n_workers, double flops_per_second) {
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int i = 0; i < std::max(1, n_workers); ++i) free_at.push(0);
  double end = 0;
  for (const double cost : costs) {
    const double done = free_at.top() + cost / flops_per_second;
    free_at.pop();
    free_at.push(done);
    end = std::max(end, done);
  }
  return end;
}

std::optional<double> worker_flops_per_second(std::span<const CellStatus> cells) {
  const auto timed = [](const CellStatus& cell) {
    return cell.state == CellState::completed && cell.record && cell.record->wall_seconds > 0;
  };
  double largest = 0;
  for (const CellStatus& cell : cells) {
    if (timed(cell)) largest = std::max(largest, cell.run.cost);
  }
  double cost = 0, seconds = 0;
  for (const CellStatus& cell : cells) {
    if (!timed(cell) || cell.run.cost < largest / 2) continue;
    cost += cell.run.cost;
    seconds += cell.record->wall_seconds;
  }
  if (seconds == 0) return std::nullopt;
  return cost / seconds;
}

std::optional<double> eta_seconds(std::span<const CellStatus> cells, int n_workers) {
  std::vector<double> costs;
  for (const CellState state : {CellState::running, CellState::waiting}) {
    for (const CellStatus& cell : cells) {
      // A run that waits for its trunk will begin in the middle.
      const double to_do = std::min(cell.run.own_share(), 1 - cell.progress);
      if (cell.state == state) costs.push_back(cell.run.cost * to_do);
    }
  }
  const std::optional<double> speed = worker_flops_per_second(cells);
  if (costs.empty() || !speed) return std::nullopt;
  return makespan_seconds(costs, n_workers, *speed);
}

}  // namespace isoflop
