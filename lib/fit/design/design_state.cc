// SPDX-License-Identifier: Apache-2.0
// The posterior of a linear model in (theta, shifts): information = prior + sum x x' / sigma^2
// + 1 / tau^2 for each shift, inverted once. A run x more takes (c'Vx)^2 / (sigma^2 + x'Vx) off the
// variance of c'theta and V x x' V / (sigma^2 + x'Vx) off V (Sherman and Morrison); gains therefore
// need V c alone, which is kept for ln N* and ln L*.
#include "fit/design/design_state.h"

#include <cmath>

#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

Eigen::Index shift_index(std::size_t budget) {
  return kSurfaceParameters + static_cast<Eigen::Index>(budget);
}

double product(const Eigen::VectorXd& v, const DesignState::Row& row) {
  return v.head<kSurfaceParameters>().dot(row.slope) + v[shift_index(row.budget)] * row.shift_slope;
}

}  // namespace

DesignState::Row DesignState::row_of(const CentredSurface& surface, double size, double tokens,
                                     std::size_t budget) {
  return {surface.gradient(size, tokens), surface.shift_slope(size, tokens), budget};
}

DesignState::DesignState(const MixedSurface& model, std::span<const BudgetSample> samples,
                         std::size_t n_budgets, double target_compute)
    : noise_squared_(model.noise * model.noise),
      to_scale_(model.surface.optimum_gradient(target_compute)),
      to_loss_(model.surface.optimal_loss_gradient(target_compute)) {
  const Eigen::Index n = shift_index(n_budgets);
  Eigen::MatrixXd information = Eigen::MatrixXd::Zero(n, n);
  information.diagonal().head<kSurfaceParameters>() = model.surface.prior_precision();
  information.diagonal().tail(n - kSurfaceParameters).setConstant(1 / (model.tau * model.tau));
  for (const BudgetSample& sample : samples) {
    Row row = row_of(model.surface, sample.size, sample.tokens, sample.budget);
    row.slope *= std::sqrt(sample.n_runs);
    row.shift_slope *= std::sqrt(sample.n_runs);
    const Eigen::Index b = shift_index(row.budget);
    const SurfaceGradient cross = row.slope * (row.shift_slope / noise_squared_);
    information.topLeftCorner<kSurfaceParameters, kSurfaceParameters>() +=
        row.slope * row.slope.transpose() / noise_squared_;
    information.col(b).head<kSurfaceParameters>() += cross;
    information.row(b).head<kSurfaceParameters>() += cross.transpose();
    information(b, b) += row.shift_slope * row.shift_slope / noise_squared_;
  }
  covariance_ = inverse_of(information);
  scale_row_ = covariance_.leftCols<kSurfaceParameters>() * to_scale_;
  loss_row_ = covariance_.leftCols<kSurfaceParameters>() * to_loss_;
}

double DesignState::predicted_variance(const Row& row) const {
  const Eigen::Index b = shift_index(row.budget);
  return row.slope.dot(covariance_.topLeftCorner<kSurfaceParameters, kSurfaceParameters>() *
                       row.slope) +
         2 * row.shift_slope * covariance_.col(b).head<kSurfaceParameters>().dot(row.slope) +
         row.shift_slope * row.shift_slope * covariance_(b, b);
}

DesignState::Gain DesignState::gain(const Row& row) const {
  const double total = noise_squared_ + predicted_variance(row);
  return {std::pow(product(scale_row_, row), 2) / total,
          std::pow(product(loss_row_, row), 2) / total};
}

double DesignState::determinant_gain(const Row& row) const {
  // Of the parameters' marginal: |cov| shrinks by 1 - c^T cov^-1 c / total, c = cov(theta, run).
  const Eigen::Index b = shift_index(row.budget);
  const auto parameters = covariance_.topLeftCorner<kSurfaceParameters, kSurfaceParameters>();
  const SurfaceGradient cross =
      parameters * row.slope + covariance_.col(b).head<kSurfaceParameters>() * row.shift_slope;
  const double total = noise_squared_ + predicted_variance(row);
  const double share = cross.dot(solve_symmetric(parameters, cross).x.col(0)) / total;
  return -std::log1p(-std::min(share, 1 - 1e-12));
}

void DesignState::add(const Row& row) {
  const Eigen::VectorXd c = covariance_.leftCols<kSurfaceParameters>() * row.slope +
                            covariance_.col(shift_index(row.budget)) * row.shift_slope;
  const double total = noise_squared_ + predicted_variance(row);
  scale_row_ -= c * (product(scale_row_, row) / total);
  loss_row_ -= c * (product(loss_row_, row) / total);
  covariance_.noalias() -= c * c.transpose() / total;
}

TargetError DesignState::error() const {
  return {std::sqrt(std::max(0.0, scale_row_.head<kSurfaceParameters>().dot(to_scale_))),
          std::sqrt(std::max(0.0, loss_row_.head<kSurfaceParameters>().dot(to_loss_)))};
}

}  // namespace isoflop
