// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/design/greedy_design.h"
#include "fit/design/mixed_surface.h"
#include "fit/points/curves.h"
#include "isoflop/next.h"

namespace isoflop {

/// Points and candidates with one numbering of budgets: those of the points first.
struct NextProblem {
  std::vector<BudgetGroup> groups;
  std::vector<BudgetSample> samples;
  std::vector<std::size_t> budget_of_candidate;
  std::size_t n_budgets = 0;
  double largest_budget = 0;  // of the points
};
[[nodiscard]] NextProblem make_next_problem(const PointSet& points,
                                            std::span<const CandidateRun> candidates,
                                            LossLaw::Scale scale);

/// Surfaces refitted to losses drawn from the model itself, shifts of the budgets included (a
/// parametric bootstrap). Those without an optimum are left out.
[[nodiscard]] std::vector<CentredSurface> draw_surfaces(const MixedSurface& model,
                                                        std::span<const BudgetSample> samples,
                                                        const NextOptions& options);

/// The start of a choice: the fit, then the draws.
[[nodiscard]] GreedyDesign start_design(const MixedSurface& model,
                                        std::span<const CentredSurface> draws,
                                        const NextProblem& problem,
                                        std::span<const CandidateRun> candidates,
                                        double target_compute, double loss_weight);

/// Runs that a curve of the points lacks on one side of its best size.
struct MissingSide {
  std::size_t budget = 0;
  bool below = false;  // of the best size, else above
  double edge = 0;     // size of the outermost run on that side
  std::size_t n_missing = 0;
};
/// Two runs each side are asked of every curve of at least 5 sizes.
[[nodiscard]] std::vector<MissingSide> missing_sides(const NextProblem& problem);

}  // namespace isoflop
