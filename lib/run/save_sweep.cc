// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/output_path.h"
#include "isoflop/error.h"
#include "isoflop/run.h"

namespace isoflop {
namespace {

std::vector<std::string> folders_in(const std::filesystem::path& runs) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(runs, ignored)) {
    if (entry.is_directory(ignored)) names.push_back(entry.path().filename().string());
  }
  return names;
}

/// Of the plan that the folder has; where it cannot be read, all runs of the folder.
std::vector<std::string> old_runs_of(const SweepFolder& sweep) {
  std::error_code ignored;
  if (!std::filesystem::exists(sweep.plan_file(), ignored)) return folders_in(sweep.runs());
  try {
    std::vector<std::string> runs;
    for (const PlannedRun& run : load_plan(sweep.plan_file()).runs) runs.push_back(run.run_id);
    return runs;
  } catch (const Error&) {
    return folders_in(sweep.runs());
  }
}

bool has_begun(const SweepFolder& sweep, const std::string& run_id) {
  std::error_code ignored;
  const std::filesystem::path folder = sweep.runs() / run_id;
  return std::filesystem::exists(folder / "metrics.jsonl", ignored) ||
         std::filesystem::exists(folder / "record.json", ignored);
}

void require_old_runs(const SweepFolder& sweep, const Plan& plan, OldRuns allowed) {
  if (allowed == OldRuns::may_leave) return;
  std::set<std::string> kept;
  for (const PlannedRun& run : plan.runs) kept.insert(run.run_id);
  std::vector<std::string> leaving = old_runs_of(sweep);
  const std::size_t n_old = leaving.size();
  std::erase_if(leaving, [&](const std::string& run) { return kept.count(run) > 0; });
  const auto n_begun = std::count_if(leaving.begin(), leaving.end(),
                                     [&](const auto& run) { return has_begun(sweep, run); });
  if (leaving.empty() || (n_begun == 0 && allowed != OldRuns::must_stay)) return;
  throw Error(
      ErrorCode::invalid_argument,
      sweep.root.string() + ": holds the sweep of another plan: " + std::to_string(leaving.size()) +
          " of its " + std::to_string(n_old) + " runs, of which " + std::to_string(n_begun) +
          " have begun, are not in this one and would leave its points; name another "
          "folder with --out, or let them leave with --drop-runs");
}

}  // namespace

RunClaim claim_sweep(const SweepFolder& sweep, const Plan& plan, OldRuns old_runs) {
  make_output_folder(sweep.root);
  std::optional<RunClaim> alone = RunClaim::acquire(sweep.root);
  RunClaim claim = alone ? std::move(*alone) : RunClaim::share(sweep.root);
  require_old_runs(sweep, plan, alone ? old_runs : OldRuns::must_stay);
  make_output_folder(sweep.runs());
  save_experiment(plan.experiment, sweep.experiment_file());
  save_plan(plan, sweep.plan_file());
  if (alone) claim.begin_sharing();
  if (read_text_file(sweep.plan_file()) != to_json(plan)) {
    throw Error(ErrorCode::io, sweep.root.string() + ": " + RunClaim::holder(sweep.root) +
                                   " has saved another plan there at the same time");
  }
  return claim;
}

void save_sweep(const SweepFolder& sweep, const Plan& plan, OldRuns old_runs) {
  (void)claim_sweep(sweep, plan, old_runs);
}

}  // namespace isoflop
