// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "isoflop/next.h"
#include "isoflop/plan.h"

namespace isoflop::cli {

/// Runs that a sweep could add: those of its experiment and with one seed more at its own budgets,
/// and those of sizes out to twice its half-width at its budgets, between them, one below and one
/// above, each resolved by the plan. `done`: the sweep's completed runs, which are left out.
[[nodiscard]] std::vector<PlannedRun> sweep_candidates(const Plan& plan, const Law& prior,
                                                       const std::vector<std::string>& done);

/// As next_runs() wants them, in the same order.
[[nodiscard]] std::vector<CandidateRun> candidate_runs(const std::vector<PlannedRun>& runs,
                                                       LossLaw::Scale scale);

/// Drops the runs with fewer tokens per unit of scale than `least`; says how many.
std::size_t drop_short_runs(std::vector<PlannedRun>& runs, LossLaw::Scale scale, double least);

}  // namespace isoflop::cli
