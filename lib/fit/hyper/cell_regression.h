// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <Eigen/Core>

#include "fit/hyper/hyper_regression.h"

namespace isoflop {

/// What ln y is regressed on, beside a constant.
enum class Regressor { compute, params, tokens, batch_tokens, tokens_per_param };

/// Intercept and slopes; with the means of the rows taken off, for the sake of the digits.
struct CellProblem {
  Eigen::MatrixXd design;  // 1, then the logarithms less their means
  Eigen::RowVectorXd means;
  Eigen::VectorXd ln_y;
  std::vector<Eigen::Index> first_row;  // of each cell, and one past the last
  double resolution = 0;                // sd of a cell's ln y, root mean square over the rows

  [[nodiscard]] Eigen::Index n_cells() const {
    return static_cast<Eigen::Index>(first_row.size()) - 1;
  }
};

struct CellSolution {
  Eigen::VectorXd estimate;
  Eigen::MatrixXd covariance;
  double residual_sd = 0;  // of the cells' mean ln y
  double dof = 0;          // cells less parameters; without any there is no covariance
};

/// Needs rows.
[[nodiscard]] CellProblem make_problem(std::span<const HyperRow> rows,
                                       std::span<const Regressor> regressors);

/// Whether the cells, each counted once, tell the slopes apart.
[[nodiscard]] bool is_determined(const CellProblem& problem);

/// Least squares over the rows. Errors: of the cells' own residuals where every cell has one row,
/// otherwise by the jackknife over whole cells.
[[nodiscard]] CellSolution solve(const CellProblem& problem);

/// The functional of the estimate that is ln y where every regressor is 1.
[[nodiscard]] Eigen::RowVectorXd intercept_of(const CellProblem& problem);

/// How the law of the other cells meets the values of the cell of the largest compute. Nothing
/// where they determine none, or that cell is not alone at the top.
[[nodiscard]] std::optional<CellHoldout> leave_largest_out(std::span<const HyperRow> rows,
                                                           std::span<const Regressor> regressors);

}  // namespace isoflop
