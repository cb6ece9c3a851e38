// SPDX-License-Identifier: Apache-2.0
// Ordinary least squares of ln y on 1 and the centred logarithms. Rows of one cell share regressors
// and luck, so the cell is the unit: (G - 1) / G sum (b_(g) - b)(b_(g) - b)' over the G cells left
// out (CV3), or s^2 (X'X)^-1 with one row a cell; Student's t of G less the parameters. N and D are
// told apart if the cells' spread along (ln N, ln D) is at most 30 times that across. residual_sd
// is of the cells' means and stands as tau in a law in C, so that a prediction holds a further
// cell's own optimum.
#include "fit/hyper/hyper_regression.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Core>

#include "fit/estimate/power_law_fit.h"
#include "stats/distributions.h"
#include "stats/linear_algebra.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

// Ratio of the spreads of (ln N, ln D) along and across their main direction above which the two
// exponents cannot be told apart: cells at the optimum of each budget lie on one line.
constexpr double kMaxCondition = 30;

enum class Regressors { compute, tokens, params_tokens };

// Intercept and slopes; with the means of the rows taken off, for the sake of the digits.
struct Problem {
  Eigen::MatrixXd design;  // 1, then the logarithms less their means
  Eigen::RowVectorXd means;
  Eigen::VectorXd ln_y;
  std::vector<Eigen::Index> first_row;  // of each cell, and one past the last

  [[nodiscard]] Eigen::Index n_cells() const {
    return static_cast<Eigen::Index>(first_row.size()) - 1;
  }
};

Eigen::RowVectorXd logarithms(const HyperRow& row, Regressors regressors) {
  Eigen::RowVectorXd result(regressors == Regressors::params_tokens ? 2 : 1);
  if (regressors == Regressors::compute) result << std::log(row.compute);
  if (regressors == Regressors::tokens) result << std::log(row.tokens);
  if (regressors == Regressors::params_tokens) result << std::log(row.tokens), std::log(row.params);
  return result;
}

Problem make_problem(std::span<const HyperRow> rows, Regressors regressors) {
  Problem problem;
  const auto n = static_cast<Eigen::Index>(rows.size());
  const Eigen::Index n_slopes = regressors == Regressors::params_tokens ? 2 : 1;
  problem.design.resize(n, 1 + n_slopes);
  problem.ln_y.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const HyperRow& row = rows[static_cast<std::size_t>(i)];
    problem.design(i, 0) = 1;
    problem.design.row(i).tail(n_slopes) = logarithms(row, regressors);
    problem.ln_y[i] = std::log(row.value);
    if (i == 0 || row.cell != rows[static_cast<std::size_t>(i - 1)].cell) {
      problem.first_row.push_back(i);
    }
  }
  problem.first_row.push_back(n);
  problem.means = problem.design.rightCols(n_slopes).colwise().mean();
  problem.design.rightCols(n_slopes).rowwise() -= problem.means;
  return problem;
}

// Whether the cells, each counted once, tell the slopes apart.
bool is_determined(const Problem& problem) {
  Eigen::MatrixXd cells(problem.n_cells(), problem.design.cols() - 1);
  for (Eigen::Index g = 0; g < problem.n_cells(); ++g) {
    const Eigen::Index row = problem.first_row[static_cast<std::size_t>(g)];
    cells.row(g) = problem.design.row(row).tail(cells.cols());
  }
  const Eigen::MatrixXd centred = cells.rowwise() - cells.colwise().mean();
  const Eigen::VectorXd spread = singular_values(centred);
  return spread.minCoeff() > 1e-6 && spread.maxCoeff() <= kMaxCondition * spread.minCoeff();
}

struct Solution {
  Eigen::VectorXd estimate;
  Eigen::MatrixXd covariance;
  double residual_sd = 0;  // of the cells' mean ln y
  double dof = 0;
};

// Residuals of the cells' mean ln y; all rows of a cell have the same regressors.
double squared_cell_residuals(const Problem& problem, const Eigen::VectorXd& residuals) {
  double sum = 0;
  for (std::size_t g = 0; g + 1 < problem.first_row.size(); ++g) {
    const Eigen::Index first = problem.first_row[g];
    sum += std::pow(residuals.segment(first, problem.first_row[g + 1] - first).mean(), 2);
  }
  return sum;
}

// (G - 1) / G sum_g (b_(g) - b)(b_(g) - b)', b_(g) without cell g; by
// b_(g) - b = -(X'X - X_g'X_g)^-1 X_g' r_g.
Eigen::MatrixXd jackknife_covariance(const Problem& problem, const Eigen::VectorXd& residuals) {
  const Eigen::MatrixXd gram = gram_of(problem.design);
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(gram.rows(), gram.cols());
  for (std::size_t g = 0; g + 1 < problem.first_row.size(); ++g) {
    const Eigen::Index first = problem.first_row[g];
    const Eigen::Index n = problem.first_row[g + 1] - first;
    const Eigen::MatrixXd rows = problem.design.middleRows(first, n);
    // Where a cell alone carries a direction the rest leaves it open; the least-norm answer keeps
    // the full fit's value there.
    const Eigen::VectorXd change =
        pseudo_inverse(gram - gram_of(rows)) * (rows.transpose() * residuals.segment(first, n));
    sum += change * change.transpose();
  }
  const auto n_cells = static_cast<double>(problem.n_cells());
  return (n_cells - 1) / n_cells * sum;
}

Solution solve(const Problem& problem) {
  Solution solution;
  const LeastSquares fit = least_squares(problem.design, problem.ln_y);
  solution.estimate = fit.solution;
  solution.dof = static_cast<double>(problem.n_cells() - problem.design.cols());
  if (!(solution.dof > 0)) return solution;
  solution.residual_sd = std::sqrt(squared_cell_residuals(problem, fit.residuals) / solution.dof);
  if (problem.n_cells() == problem.design.rows()) {
    solution.covariance = std::pow(solution.residual_sd, 2) * fit.unit_covariance;
  } else {
    solution.covariance = jackknife_covariance(problem, fit.residuals);
  }
  return solution;
}

std::optional<HyperFormFit> fit_form(std::span<const HyperRow> rows, Regressors regressors) {
  if (rows.empty()) return std::nullopt;
  const Problem problem = make_problem(rows, regressors);
  if (problem.n_cells() <= problem.design.cols() || !is_determined(problem)) return std::nullopt;
  const Solution solution = solve(problem);
  const Eigen::Index n_slopes = problem.design.cols() - 1;
  // Back to the intercept at ln N = ln D = 0: a functional of the estimate.
  Eigen::RowVectorXd intercept(problem.design.cols());
  intercept << 1, -problem.means;
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
  if (n_slopes == 2) {
    fit.form.exponent_params = solution.estimate[2];
    fit.exponent_params = around(solution.estimate[2], t * se(2));
  }
  fit.residual_sd = solution.residual_sd;
  return fit;
}

}  // namespace

PowerLawFit fit_compute_law(std::span<const HyperRow> rows) {
  PowerLawFit fit;
  if (rows.empty()) return fit;
  const Problem problem = make_problem(rows, Regressors::compute);
  fit.n_points = problem.n_cells();
  if (problem.n_cells() < 2 || !is_determined(problem)) return fit;
  const Solution solution = solve(problem);
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

PowerLawFit fit_compute_coefficient(std::span<const HyperRow> rows, double exponent) {
  PowerLawFit fit;
  fit.exponent_assumed = true;
  if (rows.empty()) return fit;
  Problem problem = make_problem(rows, Regressors::compute);
  problem.ln_y -= exponent * (problem.design.col(1).array() + problem.means[0]).matrix();
  problem.design = problem.design.leftCols<1>().eval();
  fit.n_points = problem.n_cells();
  const Solution solution = solve(problem);
  fit.law = {std::exp(solution.estimate[0]), exponent};
  fit.residual_sd = solution.residual_sd;
  return fit;
}

std::optional<HyperFormFit> fit_params_tokens_law(std::span<const HyperRow> rows) {
  return fit_form(rows, Regressors::params_tokens);
}

std::optional<HyperFormFit> fit_tokens_law(std::span<const HyperRow> rows) {
  return fit_form(rows, Regressors::tokens);
}

}  // namespace isoflop
