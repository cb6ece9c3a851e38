// SPDX-License-Identifier: Apache-2.0
#include "fit/design/next_problem.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "fit/points/settings.h"
#include "fit/surface/loss_law_fit.h"
#include "fit/valley/parabola.h"

namespace isoflop {
namespace {

constexpr std::size_t kRunsEachSide = 2;

}  // namespace

NextProblem make_next_problem(const PointSet& points, std::span<const CandidateRun> candidates,
                              LossLaw::Scale scale) {
  NextProblem problem;
  problem.groups = group_by_budget(points, scale);
  std::vector<double> budgets;
  for (const BudgetGroup& group : problem.groups) budgets.push_back(group.budget);
  problem.largest_budget = *std::max_element(budgets.begin(), budgets.end());
  for (const Sample& sample : surface_samples(problem.groups)) {
    problem.samples.push_back({.size = sample.scale,
                               .tokens = sample.tokens,
                               .loss = sample.metric,
                               .budget = static_cast<std::size_t>(sample.group),
                               .n_runs = static_cast<double>(sample.n_seeds)});
  }
  for (const CandidateRun& run : candidates) {
    const auto same = std::find_if(budgets.begin(), budgets.end(), [&](double budget) {
      return std::abs(std::log(run.budget / budget)) <= std::log(kSameBudget);
    });
    problem.budget_of_candidate.push_back(static_cast<std::size_t>(same - budgets.begin()));
    if (same == budgets.end()) budgets.push_back(run.budget);
  }
  problem.n_budgets = budgets.size();
  return problem;
}

std::vector<CentredSurface> draw_surfaces(const MixedSurface& model,
                                          std::span<const BudgetSample> samples,
                                          const NextOptions& options) {
  std::vector<CentredSurface> draws;
  const LossFitOptions fit{
      .objective = options.objective, .delta = options.delta, .scale = options.scale};
  for (std::int64_t i = 0; i < options.n_bootstrap; ++i) {
    const Rng noise(options.seed, 2 * static_cast<std::uint64_t>(i));
    const Rng shifts(options.seed, 2 * static_cast<std::uint64_t>(i) + 1);
    std::vector<LossSample> drawn;
    for (const BudgetSample& sample : samples) {
      const CentredSurface& s = model.surface;
      const double ln_loss =
          s.ln_loss(sample.size, sample.tokens) +
          s.shift_slope(sample.size, sample.tokens) * model.tau * shifts.normal(sample.budget) +
          model.noise / std::sqrt(sample.n_runs) * noise.normal(drawn.size());
      drawn.push_back({.size = sample.size, .tokens = sample.tokens, .loss = std::exp(ln_loss)});
    }
    const ParametricFit refit = fit_loss_law(drawn, fit);
    if (!refit.usable() || !CentredSurface::is_interior(refit.law)) continue;
    draws.emplace_back(refit.law, samples);
  }
  return draws;
}

GreedyDesign start_design(const MixedSurface& model, std::span<const CentredSurface> draws,
                          const NextProblem& problem, std::span<const CandidateRun> candidates,
                          double target_compute, double loss_weight) {
  std::vector<CentredSurface> surfaces = {model.surface};
  surfaces.insert(surfaces.end(), draws.begin(), draws.end());
  std::vector<DesignState> states;
  std::vector<std::vector<DesignState::Row>> rows;
  for (const CentredSurface& surface : surfaces) {
    MixedSurface drawn = model;
    drawn.surface = surface;
    states.emplace_back(drawn, problem.samples, problem.n_budgets, target_compute);
    rows.emplace_back();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      rows.back().push_back(DesignState::row_of(surface, candidates[i].scale, candidates[i].tokens,
                                                problem.budget_of_candidate[i]));
    }
  }
  return {std::move(states), std::move(rows), candidates, loss_weight};
}

std::vector<MissingSide> missing_sides(const NextProblem& problem) {
  std::vector<MissingSide> missing;
  for (std::size_t i = 0; i < problem.groups.size(); ++i) {
    const std::vector<Sample> curve = one_per_scale(problem.groups[i]).samples;
    if (curve.size() < kMinCurvePoints) continue;
    const std::size_t below = best_index(curve);
    const std::size_t above = curve.size() - 1 - below;
    if (below < kRunsEachSide) {
      missing.push_back({i, true, curve.front().scale, kRunsEachSide - below});
    }
    if (above < kRunsEachSide) {
      missing.push_back({i, false, curve.back().scale, kRunsEachSide - above});
    }
  }
  return missing;
}

}  // namespace isoflop
