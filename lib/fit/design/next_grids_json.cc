// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "isoflop/next.h"

namespace isoflop {
namespace {

Json grid_intervals_json(const GridIntervals& intervals) {
  return Json::object({{"ln_batch", intervals.ln_batch}, {"ln_peak_lr", intervals.ln_peak_lr}});
}

Json next_grid_json(const NextGrid& grid) {
  Json runs = Json::array();
  for (const GridRun& run : grid.runs) {
    runs.push_back(Json::object({{"batch_tokens", run.batch_tokens}, {"peak_lr", run.peak_lr}}));
  }
  return Json::object({{"params", grid.params},
                       {"tokens", grid.tokens},
                       {"compute", grid.compute},
                       {"cost", grid.cost},
                       {"brackets", grid.brackets},
                       {"runs", runs}});
}

}  // namespace

std::string to_json(const NextGrids& next) {
  Json grids = Json::array();
  for (const NextGrid& grid : next.grids) grids.push_back(next_grid_json(grid));
  return Json::object({{"schema", "isoflop.next_grids/1"},
                       {"target_compute", next.target_compute},
                       {"target_params", next.target_params},
                       {"target_tokens", next.target_tokens},
                       {"batch_tokens", next.batch_tokens},
                       {"peak_lr", next.peak_lr},
                       {"flops", next.flops},
                       {"spent", next.spent},
                       {"n_grids", next.n_grids},
                       {"n_candidates", next.n_candidates},
                       {"grids", grids},
                       {"interval_now", grid_intervals_json(next.now)},
                       {"interval_after", grid_intervals_json(next.after)},
                       {"noise", next.noise},
                       {"batch_sd", next.batch_sd},
                       {"peak_lr_sd", next.peak_lr_sd},
                       {"warnings", Json::array_of(next.warnings)}})
      .pretty();
}

}  // namespace isoflop
