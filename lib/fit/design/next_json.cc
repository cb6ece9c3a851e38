// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "isoflop/next.h"

namespace isoflop {
namespace {

Json interval_json(const TargetInterval& interval) {
  return Json::object({{"ln_scale", interval.ln_scale}, {"ln_loss", interval.ln_loss}});
}

Json run_json(const ChosenRun& chosen, const CandidateRun& run) {
  Json json = Json::object({{"budget", run.budget},
                            {"compute", run.compute},
                            {"scale", run.scale},
                            {"tokens", run.tokens},
                            {"cost", chosen.cost}});
  if (!run.trunk.empty()) json.set("trunk", run.trunk);
  if (!run.shape.empty()) json.set("shape", run.shape);
  if (!run.run_id.empty()) json.set("run_id", run.run_id);
  json.set("brackets", chosen.brackets);
  return json;
}

}  // namespace

std::string to_json(const NextRuns& next, std::span<const CandidateRun> candidates) {
  Json runs = Json::array();
  for (const ChosenRun& run : next.runs) runs.push_back(run_json(run, candidates[run.candidate]));
  Json power = Json::object();
  power.set_if("flops_to_halve_ln_scale", next.flops_to_halve_scale);
  power.set_if("flops_to_halve_ln_loss", next.flops_to_halve_loss);
  return Json::object({{"schema", "isoflop.next/1"},
                       {"target_compute", next.target_compute},
                       {"scale", to_string(next.scale)},
                       {"scale_opt", next.scale_opt},
                       {"loss_opt", next.loss_opt},
                       {"flops", next.flops},
                       {"spent", next.spent},
                       {"n_candidates", static_cast<std::int64_t>(candidates.size())},
                       {"runs", runs},
                       {"interval_now", interval_json(next.now)},
                       {"interval_after", interval_json(next.after)},
                       {"power", power},
                       {"noise", next.noise},
                       {"tau", next.tau},
                       {"tau_estimated", next.tau_estimated},
                       {"n_bootstrap", next.n_bootstrap},
                       {"n_bootstrap_failed", next.n_bootstrap_failed},
                       {"warnings", Json::array_of(next.warnings)}})
      .pretty();
}

}  // namespace isoflop
