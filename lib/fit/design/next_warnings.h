// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "fit/estimate/words.h"
#include "isoflop/next.h"

namespace isoflop {

/// What a reader must know before running what next_runs() chose.
void warn_of_missing_side(double budget, bool below, std::size_t n_missing, std::size_t n_chosen,
                          Words& warnings);
void warn_of_next(const NextRuns& next, double largest_budget,
                  std::span<const CandidateRun> candidates, Words& warnings);

}  // namespace isoflop
