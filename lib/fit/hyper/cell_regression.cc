// SPDX-License-Identifier: Apache-2.0
// Ordinary least squares of ln y on 1 and the centred logarithms. Rows of one cell share regressors
// and luck, so the cell is the unit: (G - 1) / G sum (b_(g) - b)(b_(g) - b)' over the G cells left
// out (CV3), or s^2 (X'X)^-1 with one row a cell; Student's t of G less the parameters. N and D are
// told apart if the cells' spread along (ln N, ln D) is at most 30 times that across. residual_sd
// is of the cells' means and stands as tau in a law in C, so that a prediction holds a further
// cell's own optimum.
#include "fit/hyper/cell_regression.h"

#include <algorithm>
#include <cmath>

#include "stats/distributions.h"
#include "stats/linear_algebra.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

// Ratio of the spreads of (ln N, ln D) along and across their main direction above which the two
// exponents cannot be told apart: cells at the optimum of each budget lie on one line.
constexpr double kMaxCondition = 30;

double value_of(const HyperRow& row, Regressor regressor) {
  switch (regressor) {
    case Regressor::compute:
      return row.compute;
    case Regressor::params:
      return row.params;
    case Regressor::tokens:
      return row.tokens;
    case Regressor::batch_tokens:
      return row.batch_tokens;
    case Regressor::tokens_per_param:
      return row.tokens / row.params;
  }
  return 0;
}

Eigen::RowVectorXd ln_regressors(const HyperRow& row, std::span<const Regressor> regressors) {
  Eigen::RowVectorXd result(static_cast<Eigen::Index>(regressors.size()));
  for (Eigen::Index j = 0; j < result.size(); ++j) {
    result[j] = std::log(value_of(row, regressors[static_cast<std::size_t>(j)]));
  }
  return result;
}

// Residuals of the cells' mean ln y.
double squared_cell_residuals(const CellProblem& problem, const Eigen::VectorXd& residuals) {
  double sum = 0;
  for (std::size_t g = 0; g + 1 < problem.first_row.size(); ++g) {
    const Eigen::Index first = problem.first_row[g];
    sum += std::pow(residuals.segment(first, problem.first_row[g + 1] - first).mean(), 2);
  }
  return sum;
}

// (G - 1) / G sum_g (b_(g) - b)(b_(g) - b)', b_(g) without cell g; by
// b_(g) - b = -(X'X - X_g'X_g)^-1 X_g' r_g.
Eigen::MatrixXd jackknife_covariance(const CellProblem& problem, const Eigen::VectorXd& residuals) {
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

// No error below those of `least`: where three values of a grid happen to lie on a line, residuals
// say that the grid has no steps.
Eigen::MatrixXd at_least(const Eigen::MatrixXd& covariance, const Eigen::MatrixXd& least) {
  const Eigen::ArrayXd own = covariance.diagonal(), bound = least.diagonal();
  if ((own >= bound).all()) return covariance;
  if (!(own > 0).all()) return least;
  const Eigen::VectorXd growth = (bound / own).cwiseMax(1).sqrt();
  return growth.asDiagonal() * covariance * growth.asDiagonal();
}

}  // namespace

CellProblem make_problem(std::span<const HyperRow> rows, std::span<const Regressor> regressors) {
  CellProblem problem;
  const auto n = static_cast<Eigen::Index>(rows.size());
  const auto n_slopes = static_cast<Eigen::Index>(regressors.size());
  problem.design.resize(n, 1 + n_slopes);
  problem.ln_y.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const HyperRow& row = rows[static_cast<std::size_t>(i)];
    problem.design(i, 0) = 1;
    problem.design.row(i).tail(n_slopes) = ln_regressors(row, regressors);
    problem.ln_y[i] = std::log(row.value);
    problem.resolution += row.resolution * row.resolution / static_cast<double>(n);
    if (i == 0 || row.cell != rows[static_cast<std::size_t>(i - 1)].cell) {
      problem.first_row.push_back(i);
    }
  }
  problem.first_row.push_back(n);
  problem.resolution = std::sqrt(problem.resolution);
  problem.means = problem.design.rightCols(n_slopes).colwise().mean();
  problem.design.rightCols(n_slopes).rowwise() -= problem.means;
  return problem;
}

bool is_determined(const CellProblem& problem) {
  const Eigen::Index n_slopes = problem.design.cols() - 1;
  Eigen::MatrixXd slopes = problem.design.rightCols(n_slopes);
  Eigen::VectorXd weights(slopes.rows());
  for (std::size_t g = 0; g + 1 < problem.first_row.size(); ++g) {
    const Eigen::Index first = problem.first_row[g];
    const Eigen::Index n = problem.first_row[g + 1] - first;
    weights.segment(first, n).setConstant(1 / static_cast<double>(n));
  }
  const Eigen::RowVectorXd means =
      weights.transpose() * slopes / static_cast<double>(problem.n_cells());
  slopes.rowwise() -= means;
  const Eigen::MatrixXd weighted = weights.cwiseSqrt().asDiagonal() * slopes;
  if (weighted.rows() < n_slopes) return false;
  const Eigen::VectorXd spread = singular_values(weighted);
  return spread.minCoeff() > 1e-6 && spread.maxCoeff() <= kMaxCondition * spread.minCoeff();
}

CellSolution solve(const CellProblem& problem) {
  CellSolution solution;
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
  // The resolution is known and its interval is a normal's.
  const double known = problem.resolution * kNormal90 / t90(solution.dof);
  solution.covariance = at_least(solution.covariance, known * known * fit.unit_covariance);
  return solution;
}

Eigen::RowVectorXd intercept_of(const CellProblem& problem) {
  Eigen::RowVectorXd intercept(problem.design.cols());
  intercept << 1, -problem.means;
  return intercept;
}

std::optional<CellHoldout> leave_largest_out(std::span<const HyperRow> rows,
                                             std::span<const Regressor> regressors) {
  if (rows.empty()) return std::nullopt;
  const auto by_compute = [](const HyperRow& a, const HyperRow& b) {
    return a.compute < b.compute;
  };
  const HyperRow largest = *std::max_element(rows.begin(), rows.end(), by_compute);
  std::vector<HyperRow> kept, left_out;
  for (const HyperRow& row : rows) {
    (row.cell == largest.cell ? left_out : kept).push_back(row);
  }
  if (kept.empty()) return std::nullopt;
  const CellProblem problem = make_problem(kept, regressors);
  if (problem.n_cells() < problem.design.cols() || !is_determined(problem)) return std::nullopt;
  const Eigen::VectorXd estimate = least_squares(problem.design, problem.ln_y).solution;
  CellHoldout holdout{.compute = largest.compute};
  holdout.ratio = largest.compute / std::max_element(kept.begin(), kept.end(), by_compute)->compute;
  for (const HyperRow& row : left_out) {
    const Eigen::RowVectorXd x = ln_regressors(row, regressors) - problem.means;
    holdout.ln_error += estimate[0] + x.dot(estimate.tail(x.size())) - std::log(row.value);
  }
  holdout.ln_error /= static_cast<double>(left_out.size());
  return holdout;
}

}  // namespace isoflop
