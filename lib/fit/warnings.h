// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fit/curves.h"
#include "isoflop/fit.h"
#include "isoflop/next.h"

namespace isoflop {

using Words = std::vector<std::string>;

/// "12 %" of 0.12.
[[nodiscard]] std::string percent_text(double ratio);
/// "budget 1e+17: ", what a warning about one budget begins with.
[[nodiscard]] std::string at_budget(double budget);

/// What a reader must know before acting on one part of a fit, in words; each in the .cc of its
/// name.
void warn_of_valleys(const Fit& fit, std::span<const BudgetGroup> curves, Words& warnings);
void warn_of_allocation(const Fit& fit, Words& warnings);
void warn_of_envelope(const Fit& fit, Words& warnings);
void warn_of_surface(const Fit& fit, Words& warnings);
void warn_of_forms(const Fit& fit, Words& warnings);
void warn_of_hyper(const Fit& fit, Words& warnings);
void warn_of_conventions(const Fit& fit, Words& warnings);
void warn_of_holdout(const Fit& fit, Words& warnings);
void warn_of_targets(const Fit& fit, Words& warnings);
void warn_of_second_stage(const Fit& fit, Words& warnings);
void warn_of_sample_size(const Fit& fit, Words& warnings);
void warn_of_evaluation(const PointSet& points, double run_noise, Words& warnings);
void warn_of_mistuning(const Fit& fit, Words& warnings);
void warn_of_health(const PointSet& points, Words& warnings);

/// What a reader must know before running what next_runs() chose.
void warn_of_missing_side(double budget, bool below, std::size_t n_missing, std::size_t n_chosen,
                          Words& warnings);
void warn_of_next(const NextRuns& next, double largest_budget,
                  std::span<const CandidateRun> candidates, Words& warnings);

/// All of them.
[[nodiscard]] std::vector<std::string> collect_warnings(const Fit& fit,
                                                        std::span<const BudgetGroup> curves,
                                                        const PointSet& points);

}  // namespace isoflop
