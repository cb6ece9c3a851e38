// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/hyper_regression.h"

#include <algorithm>
#include <cmath>

#include "fit/estimate/power_law_fit.h"
#include "fit/hyper/cell_regression.h"
#include "stats/distributions.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr Regressor kCompute[] = {Regressor::compute};
constexpr Regressor kTokens[] = {Regressor::tokens};
constexpr Regressor kParamsTokens[] = {Regressor::tokens, Regressor::params};

std::optional<HyperFormFit> fit_form(std::span<const HyperRow> rows,
                                     std::span<const Regressor> regressors) {
  if (rows.empty()) return std::nullopt;
  const CellProblem problem = make_problem(rows, regressors);
  if (problem.n_cells() <= problem.design.cols() || !is_determined(problem)) return std::nullopt;
  const CellSolution solution = solve(problem);
  const Eigen::RowVectorXd intercept = intercept_of(problem);
  const double ln_coefficient = intercept * solution.estimate;
  const double t = t90(solution.dof);
  const auto se = [&](Eigen::Index i) { return std::sqrt(solution.covariance(i, i)); };
  HyperFormFit fit;
  fit.form.coefficient = std::exp(ln_coefficient);
  fit.coefficient =
      around_log(ln_coefficient,
                 t * std::sqrt((intercept * solution.covariance * intercept.transpose()).value()));
  fit.form.exponent_tokens = solution.estimate[1];
  fit.exponent_tokens = around(solution.estimate[1], t * se(1));
  if (regressors.size() == 2) {
    fit.form.exponent_params = solution.estimate[2];
    fit.exponent_params = around(solution.estimate[2], t * se(2));
  }
  fit.residual_sd = solution.residual_sd;
  fit.holdout = leave_largest_out(rows, regressors);
  return fit;
}

PowerLawFit fit_power(std::span<const HyperRow> rows, Regressor regressor) {
  PowerLawFit fit;
  if (rows.empty()) return fit;
  const CellProblem problem = make_problem(rows, std::span(&regressor, 1));
  fit.n_points = problem.n_cells();
  if (problem.n_cells() < 2 || !is_determined(problem)) return fit;
  const CellSolution solution = solve(problem);
  const double slope = solution.estimate[1];
  fit.law = {std::exp(solution.estimate[0] - slope * problem.means[0]), slope};
  fit.centre = problem.means[0];
  if (!(solution.dof > 0)) return fit;
  fit.residual_sd = fit.tau = solution.residual_sd;
  fit.t = t90(solution.dof);
  // The centre at which level and slope are uncorrelated, as the fit's fields promise.
  const double slope_variance = solution.covariance(1, 1);
  const double covariance = solution.covariance(0, 1);
  const double offset = slope_variance > 0 ? -covariance / slope_variance : 0;
  fit.centre += offset;
  fit.level_se = std::sqrt(std::max(0.0, solution.covariance(0, 0) + offset * covariance));
  fit.exponent_se = std::sqrt(slope_variance);
  set_intervals(fit, std::log(fit.law.coefficient));
  fit.status = FitStatus::ok;
  return fit;
}

}  // namespace

PowerLawFit fit_compute_law(std::span<const HyperRow> rows) {
  return fit_power(rows, Regressor::compute);
}

PowerLawFit fit_ratio_law(std::span<const HyperRow> rows) {
  return fit_power(rows, Regressor::tokens_per_param);
}

PowerLawFit fit_compute_coefficient(std::span<const HyperRow> rows, double exponent) {
  PowerLawFit fit;
  fit.exponent_assumed = true;
  if (rows.empty()) return fit;
  CellProblem problem = make_problem(rows, kCompute);
  problem.ln_y -= exponent * (problem.design.col(1).array() + problem.means[0]).matrix();
  problem.design = problem.design.leftCols<1>().eval();
  fit.n_points = problem.n_cells();
  const CellSolution solution = solve(problem);
  fit.law = {std::exp(solution.estimate[0]), exponent};
  fit.residual_sd = solution.residual_sd;
  return fit;
}

std::optional<HyperFormFit> fit_params_tokens_law(std::span<const HyperRow> rows) {
  return fit_form(rows, kParamsTokens);
}

std::optional<HyperFormFit> fit_tokens_law(std::span<const HyperRow> rows) {
  return fit_form(rows, kTokens);
}

}  // namespace isoflop
