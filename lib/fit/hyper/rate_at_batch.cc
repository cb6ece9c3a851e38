// SPDX-License-Identifier: Apache-2.0
// The rate's exponent of B comes from the batches within each cell, those of N and D from the
// cells. A batch far from the best one has another law (past the critical batch the best rate
// stops rising), hence the window.
#include "fit/hyper/rate_at_batch.h"

#include <algorithm>
#include <cmath>

#include "fit/hyper/cell_regression.h"
#include "fit/hyper/slice_optimum.h"
#include "stats/distributions.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

std::vector<SliceRun> runs_at(const GridCell& cell, const Interval& batch) {
  std::vector<SliceRun> runs;
  for (const Sample& sample : cell.samples) {
    if (*sample.batch_tokens < batch.low || *sample.batch_tokens > batch.high) continue;
    runs.push_back({std::log(*sample.peak_lr), sample.metric});
  }
  return runs;
}

/// The largest of the sets that the cells tell apart.
std::vector<Regressor> regressors_of(std::span<const HyperRow> rows) {
  using enum Regressor;
  for (const std::vector<Regressor>& set :
       {std::vector{batch_tokens, tokens, params}, std::vector{batch_tokens, tokens},
        std::vector{batch_tokens, params}, std::vector{batch_tokens}}) {
    if (is_determined(make_problem(rows, set))) return set;
  }
  return {};
}

}  // namespace

std::vector<HyperRow> best_rates(std::span<const GridCell> cells, double window) {
  std::vector<HyperRow> rows;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const GridCell& cell = cells[i];
    const Sample& best = cell.samples[best_index(cell.samples)];
    std::vector<double> batches;
    for (const Sample& sample : cell.samples) batches.push_back(*sample.batch_tokens);
    for (const Interval& batch : distinct_settings(std::move(batches))) {
      const SliceOptimum optimum = slice_optimum(runs_at(cell, batch), window);
      if (!optimum.usable() || optimum.metric > (1 + window) * best.metric) continue;
      rows.push_back({.compute = cell.compute,
                      .params = best.params,
                      .tokens = best.tokens,
                      .batch_tokens = batch.low,
                      .value = std::exp(optimum.x),
                      .cell = static_cast<std::int64_t>(i)});
    }
  }
  return rows;
}

std::optional<RateAtBatchFit> fit_rate_at_batch(std::span<const GridCell> cells, double window) {
  const std::vector<HyperRow> rows = best_rates(cells, window);
  if (rows.empty()) return std::nullopt;
  const std::vector<Regressor> regressors = regressors_of(rows);
  if (regressors.empty()) return std::nullopt;
  const CellProblem problem = make_problem(rows, regressors);
  if (problem.n_cells() <= problem.design.cols()) return std::nullopt;
  const CellSolution solution = solve(problem);
  const Eigen::RowVectorXd intercept = intercept_of(problem);
  const double t = t90(solution.dof), ln_coefficient = intercept * solution.estimate;
  RateAtBatchFit fit;
  fit.law.coefficient = std::exp(ln_coefficient);
  fit.coefficient =
      around_log(ln_coefficient,
                 t * std::sqrt((intercept * solution.covariance * intercept.transpose()).value()));
  for (std::size_t j = 0; j < regressors.size(); ++j) {
    const auto at = static_cast<Eigen::Index>(j + 1);
    const double slope = solution.estimate[at];
    const Interval interval = around(slope, t * std::sqrt(solution.covariance(at, at)));
    if (regressors[j] == Regressor::batch_tokens) {
      fit.law.exponent_batch = slope;
      fit.exponent_batch = interval;
    } else if (regressors[j] == Regressor::tokens) {
      fit.has_tokens = true;
      fit.law.exponent_tokens = slope;
      fit.exponent_tokens = interval;
    } else {
      fit.has_params = true;
      fit.law.exponent_params = slope;
      fit.exponent_params = interval;
    }
  }
  fit.residual_sd = solution.residual_sd;
  fit.n_cells = problem.n_cells();
  fit.n_values = static_cast<std::int64_t>(rows.size());
  fit.holdout = leave_largest_out(rows, regressors);
  return fit;
}

}  // namespace isoflop
