// SPDX-License-Identifier: Apache-2.0
#include "plan/trunks.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "isoflop/run_record.h"

namespace isoflop {

std::vector<Trunk> shared_trunks(std::span<const PlannedRun> runs) {
  std::vector<Trunk> trunks;
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    // A warm-up is too little to wait for.
    if (runs[i].spec.schedule.kind == ScheduleKind::cosine) continue;
    const std::string id = trunk_id(runs[i].spec);
    const auto [entry, is_new] = known.emplace(id, trunks.size());
    if (is_new) trunks.push_back({id, {}});
    trunks[entry->second].runs.push_back(i);
  }
  std::erase_if(trunks, [](const Trunk& trunk) { return trunk.runs.size() < 2; });
  const auto order = [&](std::size_t i) {
    return std::tuple(branch_step(runs[i].spec), runs[i].spec.n_steps, i);
  };
  for (Trunk& trunk : trunks) {
    std::sort(trunk.runs.begin(), trunk.runs.end(),
              [&](std::size_t a, std::size_t b) { return order(a) < order(b); });
  }
  return trunks;
}

void set_first_steps(std::span<PlannedRun> runs) {
  for (PlannedRun& run : runs) run.first_step = 0;
  for (const Trunk& trunk : shared_trunks(runs)) {
    for (std::size_t k = 1; k < trunk.runs.size(); ++k) {
      runs[trunk.runs[k]].first_step = branch_step(runs[trunk.runs[k - 1]].spec);
    }
  }
}

double PlannedRun::own_share() const {
  if (first_step == 0) return 1;
  return 1 - static_cast<double>(first_step) / static_cast<double>(spec.n_steps);
}

Flops Plan::trained_compute() const {
  Flops total;
  for (const PlannedRun& run : runs) total += run.own_share() * Flops(run.compute);
  return total;
}

}  // namespace isoflop
