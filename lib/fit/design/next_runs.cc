// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "fit/design/next_problem.h"
#include "fit/design/next_warnings.h"
#include "fit/surface/loss_law_fit.h"
#include "isoflop/error.h"
#include "isoflop/next.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kDefaultReach = 10;  // of the target past the largest budget
constexpr std::int64_t kMostResamples = 100000;

void require(bool ok, const std::string& what) {
  if (!ok) throw Error(ErrorCode::invalid_argument, what);
}

bool is_positive(double x) { return std::isfinite(x) && x > 0; }

void validate(std::span<const CandidateRun> candidates, const NextOptions& options) {
  require(is_positive(options.flops),
          "the FLOPs to spend must be finite and > 0, got " + exact_text(options.flops));
  require(!options.target_compute || is_positive(*options.target_compute),
          "the target must be finite and > 0 FLOPs, got " +
              exact_text(options.target_compute.value_or(0)));
  require(std::isfinite(options.loss_weight) && options.loss_weight >= 0,
          "loss_weight must be finite and >= 0, got " + exact_text(options.loss_weight));
  require(is_positive(options.delta),
          "delta must be finite and > 0, got " + exact_text(options.delta));
  require(options.n_bootstrap >= 0 && options.n_bootstrap <= kMostResamples,
          "n_bootstrap must be from 0 to 100000, got " + std::to_string(options.n_bootstrap));
  require(!candidates.empty(), "there are no candidate runs to choose from");
  double cheapest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const CandidateRun& run = candidates[i];
    const bool ok = is_positive(run.budget) && is_positive(run.compute) && is_positive(run.scale) &&
                    is_positive(run.tokens) && is_positive(run.cost) && run.stem >= 0 &&
                    run.stem <= run.cost;
    require(ok, "candidate " + std::to_string(i) +
                    ": budget, compute, scale, tokens and cost must be finite and > 0, the stem "
                    "from 0 to the cost");
    cheapest = std::min(cheapest, run.cost);
  }
  require(cheapest <= options.flops, exact_text(options.flops) +
                                         " FLOPs buy no run: the cheapest candidate costs " +
                                         rounded_text(cheapest, 4));
}

MixedSurface fit_points(const NextProblem& problem, const NextOptions& options) {
  std::vector<LossSample> samples;
  for (const BudgetSample& sample : problem.samples) {
    samples.push_back({.size = sample.size, .tokens = sample.tokens, .loss = sample.loss});
  }
  const ParametricFit fit = fit_loss_law(
      samples, {.objective = options.objective, .delta = options.delta, .scale = options.scale});
  require(fit.status != FitStatus::too_few_points,
          "the points carry no fit: a loss surface needs at least " +
              std::to_string(kMinSurfacePoints) +
              " runs of at least 3 sizes and 3 lengths, there are " +
              std::to_string(samples.size()) + " runs");
  require(fit.usable(),
          "the points carry no fit: the loss surface is " + std::string(to_string(fit.status)));
  require(
      CentredSurface::is_interior(fit.law),
      "the points carry no fit: the loss surface has no optimum at a given compute (at a bound: " +
          (fit.at_bound.empty() ? "an exponent above 5" : join(fit.at_bound, ", ")) + ")");
  return fit_mixed_surface(problem.samples, fit.law, kTauFloor);
}

/// The candidates that bracket what is not, nearest to the edge first, as far as the money goes.
void bracket(GreedyDesign& design, const NextProblem& problem,
             std::span<const CandidateRun> candidates, double flops, Words& warnings) {
  for (const MissingSide& side : missing_sides(problem)) {
    std::vector<std::size_t> outside;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (problem.budget_of_candidate[i] != side.budget) continue;
      const double ratio = candidates[i].scale / side.edge;
      if (side.below ? ratio < 0.999 : ratio > 1.001) outside.push_back(i);
    }
    std::sort(outside.begin(), outside.end(), [&](std::size_t a, std::size_t b) {
      return std::abs(std::log(candidates[a].scale / side.edge)) <
             std::abs(std::log(candidates[b].scale / side.edge));
    });
    std::size_t n = 0;
    for (const std::size_t i : outside) {
      if (n == side.n_missing || design.spent() + candidates[i].cost > flops) break;
      design.take(i, true);
      ++n;
    }
    warn_of_missing_side(problem.groups[side.budget].budget, side.below, side.n_missing, n,
                         warnings);
  }
}

TargetInterval interval_of(const TargetError& error) {
  return {kNormal90 * error.ln_scale, kNormal90 * error.ln_loss};
}

}  // namespace

NextRuns next_runs(const PointSet& points, std::span<const CandidateRun> candidates,
                   const NextOptions& options) {
  validate(candidates, options);
  require(!points.points.empty(), "the points carry no fit: there are none");
  const NextProblem problem = make_next_problem(points, candidates, options.scale);
  const MixedSurface model = fit_points(problem, options);
  const std::vector<CentredSurface> draws = draw_surfaces(model, problem.samples, options);

  NextRuns next;
  next.target_compute = options.target_compute.value_or(kDefaultReach * problem.largest_budget);
  next.scale_opt = std::exp(model.surface.ln_optimum(next.target_compute));
  next.loss_opt = std::exp(model.surface.ln_optimal_loss(next.target_compute));
  next.scale = options.scale;
  next.flops = options.flops;
  next.noise = model.noise;
  next.tau = model.tau;
  next.tau_estimated = model.tau_estimated;
  next.n_bootstrap = options.n_bootstrap;
  next.n_bootstrap_failed = options.n_bootstrap - static_cast<std::int64_t>(draws.size());

  const GreedyDesign start =
      start_design(model, draws, problem, candidates, next.target_compute, options.loss_weight);
  GreedyDesign bracketed = start;
  bracket(bracketed, problem, candidates, options.flops, next.warnings);
  const GreedyDesign design = spend(bracketed, options.flops);
  next.spent = design.spent();
  next.runs = design.runs();
  next.now = interval_of(start.error());
  next.after = interval_of(design.error());
  next.flops_to_halve_scale = flops_to_halve(start, &TargetError::ln_scale);
  next.flops_to_halve_loss = flops_to_halve(start, &TargetError::ln_loss);
  warn_of_next(next, problem.largest_budget, candidates, next.warnings);
  return next;
}

}  // namespace isoflop
