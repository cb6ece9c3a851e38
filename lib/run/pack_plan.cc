// SPDX-License-Identifier: Apache-2.0
#include "run/pack_plan.h"

#include <algorithm>

namespace isoflop {

std::vector<std::size_t> next_pack(std::span<const ReadyRun> ready, const PackLimits& limits) {
  if (ready.empty()) return {};
  std::vector<std::size_t> pack = {ready.front().cell};
  if (ready.front().is_alone) return pack;
  const auto n_workers = static_cast<std::size_t>(std::max(1, limits.n_free_workers));
  const std::size_t fair_share = (ready.size() + n_workers - 1) / n_workers;
  const std::size_t most = std::min(fair_share, static_cast<std::size_t>(limits.n_runs));
  std::int64_t room = limits.memory_bytes - ready.front().memory_bytes;
  for (const ReadyRun& run : ready.subspan(1)) {
    if (pack.size() >= most) break;
    if (run.is_alone || run.memory_bytes > room) continue;
    room -= run.memory_bytes;
    pack.push_back(run.cell);
  }
  return pack;
}

}  // namespace isoflop
