// SPDX-License-Identifier: Apache-2.0
// A run tells of the optimum z by the slope of its parabola there: d ln L / dz = -H (s - z), so
// that what counts are the spreads of H s about their mean (the level takes the mean). With the
// grid's own shift, variance S, its information on the laws is (S + I^-1)^-1, however many runs.
#include "fit/design/grid_design.h"

#include <cmath>

#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr double kExponentSd = 1;    // no published exponent of batch or rate is beyond 1
constexpr double kInterceptSd = 10;  // about the grids' mean

}  // namespace

Eigen::Matrix2d information_of(const GridModel& model, std::span<const LnSetting> runs,
                               const LnSetting& optimum) {
  Eigen::Matrix2d sum = Eigen::Matrix2d::Zero();
  Eigen::Vector2d mean = Eigen::Vector2d::Zero();
  for (const LnSetting& run : runs) mean += model.hessian * (run - optimum);
  mean /= static_cast<double>(runs.size());
  for (const LnSetting& run : runs) {
    const Eigen::Vector2d slope = model.hessian * (run - optimum) - mean;
    sum += slope * slope.transpose();
  }
  return sum / (model.noise * model.noise);
}

GridKnowledge::GridKnowledge(const GridModel& model) : model_(model) {
  precision_.setZero();
  weighted_.setZero();
  for (Eigen::Index i = 0; i < 6; ++i) {
    const double sd = i % 3 == 0 ? kInterceptSd : kExponentSd;
    precision_(i, i) = 1 / (sd * sd);
  }
}

GridKnowledge::Row GridKnowledge::row_at(double params, double tokens) const {
  const Eigen::RowVector3d x(1, std::log(params) - model_.ln_params,
                             std::log(tokens) - model_.ln_tokens);
  Row row = Row::Zero();
  row.block<1, 3>(0, 0) = x;
  row.block<1, 3>(1, 3) = x;
  return row;
}

void GridKnowledge::add(const GridFinding& grid) {
  // (S + I^-1)^-1 = S^-1 - S^-1 (S^-1 + I)^-1 S^-1, also where I is singular.
  const Eigen::Matrix2d own = model_.own_sd.cwiseProduct(model_.own_sd).cwiseInverse().asDiagonal();
  const Eigen::Matrix2d sum = own + grid.information;
  const Eigen::Matrix2d weight = own - own * Eigen::Matrix2d(inverse_of(sum)) * own;
  const Row row = row_at(grid.params, grid.tokens);
  precision_ += row.transpose() * weight * row;
  weighted_ += row.transpose() * weight * grid.optimum;
}

LnSetting GridKnowledge::mean_at(double params, double tokens) const {
  return row_at(params, tokens) * (inverse_of(precision_) * weighted_);
}

Eigen::Matrix2d GridKnowledge::covariance_at(double params, double tokens) const {
  const Row row = row_at(params, tokens);
  return row * inverse_of(precision_) * row.transpose();
}

}  // namespace isoflop
