// SPDX-License-Identifier: Apache-2.0
// A random-effects regression (Hartung and Knapp's model) read by Bayes' rule, with two things that
// frequentist intervals of four budgets cannot have: an exponent that published sweeps centre near
// 1/2, and a scatter that is not 0 because four minima happened to lie on a line. With variances
// growing away from the largest budget it is a discounted regression (West and Harrison, Bayesian
// Forecasting and Dynamic Models, 1997).
#include "fit/forecast/size_posterior.h"

#include <cmath>

#include <Eigen/Core>

#include "fit/forecast/scatter_grid.h"
#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr ScatterGrid kTaus{0.004, 0.8, 44};

/// Minima as rows of a regression.
struct Rows {
  Eigen::MatrixX2d design;  // 1, ln C - ln C_max
  Eigen::VectorXd sizes;    // ln N*
  Eigen::VectorXd errors;   // standard, of ln N*
  Eigen::VectorXd growth;   // of the variances
};

Rows rows_of(std::span<const LocatedMinimum> minima, double ageing, double ln_largest_compute) {
  const auto n = static_cast<Eigen::Index>(minima.size());
  Rows rows{Eigen::MatrixX2d(n, 2), Eigen::VectorXd(n), Eigen::VectorXd(n), Eigen::VectorXd(n)};
  for (Eigen::Index i = 0; i < n; ++i) {
    const LocatedMinimum& minimum = minima[static_cast<std::size_t>(i)];
    const double distance = minimum.ln_compute - ln_largest_compute;
    rows.design.row(i) << 1, distance;
    rows.sizes[i] = minimum.ln_scale;
    rows.errors[i] = minimum.ln_scale_se;
    rows.growth[i] = growth_of_variance(ageing, distance);
  }
  return rows;
}

/// The rows times V^-1, V their covariance, as columns design, sizes; and ln det V.
struct Weighted {
  Eigen::MatrixX3d columns;
  double ln_determinant = 0;
};

Weighted weighted(const Rows& rows, const Correlation& correlation, double tau) {
  const auto n = rows.sizes.size();
  Eigen::MatrixX3d columns(n, 3);
  columns << rows.design, rows.sizes;
  const Eigen::VectorXd variances =
      rows.growth.array() * (rows.errors.array().square() + tau * tau);
  if (correlation.empty()) {
    return {variances.cwiseInverse().asDiagonal() * columns, variances.array().log().sum()};
  }
  const Eigen::VectorXd scale = rows.growth.cwiseSqrt().cwiseProduct(rows.errors);
  Eigen::MatrixXd covariance = scale.asDiagonal() *
                               Eigen::Map<const Eigen::MatrixXd>(correlation.data(), n, n) *
                               scale.asDiagonal();
  covariance.diagonal() = variances;
  const SymmetricEigen eigen = symmetric_eigen(covariance);
  const Eigen::VectorXd values = eigen.values.cwiseMax(1e-12 * eigen.values[n - 1]);
  return {eigen.vectors * values.cwiseInverse().asDiagonal() * eigen.vectors.transpose() * columns,
          values.array().log().sum()};
}

}  // namespace

bool SizePosterior::can_be_had(std::span<const LocatedMinimum> minima, const ForecastPrior& prior) {
  if (minima.empty()) return false;
  const double spread = minima.back().ln_compute - minima.front().ln_compute;
  return prior.exponent ? true : minima.size() >= 3 && spread > 0;
}

SizePosterior::SizePosterior(std::span<const LocatedMinimum> minima, const Correlation& correlation,
                             const ForecastPrior& prior, double ln_largest_compute)
    : ln_largest_compute_(ln_largest_compute), ageing_(prior.ageing) {
  const Rows rows = rows_of(minima, prior.ageing, ln_largest_compute);
  const Belief exponent = prior.exponent.value_or(Belief{0.5, 0});
  const double precision = prior.exponent ? 1 / (exponent.spread * exponent.spread) : 0;
  for (const Scatter& scatter : kTaus.values(prior.size_scatter)) {
    const Weighted w = weighted(rows, correlation, scatter.sd);
    Eigen::Matrix2d information = rows.design.transpose() * w.columns.leftCols<2>();
    Eigen::Vector2d moments = rows.design.transpose() * w.columns.col(2);
    information(1, 1) += precision;
    moments[1] += precision * exponent.centre;
    const Eigen::Matrix2d variance = inverse_of(information);
    const Eigen::Vector2d line = variance * moments;
    const Eigen::VectorXd residuals = rows.sizes - rows.design * line;
    const Eigen::VectorXd weighted_residuals = w.columns.col(2) - w.columns.leftCols<2>() * line;
    const double surprise =
        residuals.dot(weighted_residuals) + precision * std::pow(line[1] - exponent.centre, 2);
    const double ln_determinant =
        w.ln_determinant - std::log(variance(0, 0) * variance(1, 1) - std::pow(variance(0, 1), 2));
    lines_.push_back({.ln_weight = scatter.ln_belief - 0.5 * (surprise + ln_determinant),
                      .tau = scatter.sd,
                      .level = line[0],
                      .slope = line[1],
                      .level_variance = variance(0, 0),
                      .covariance = variance(0, 1),
                      .slope_variance = variance(1, 1)});
  }
}

NormalMixture SizePosterior::at(double ln_compute) const {
  const double reach = ln_compute - ln_largest_compute_;
  std::vector<NormalPart> parts;
  for (const Line& line : lines_) {
    const double of_line =
        line.level_variance + 2 * reach * line.covariance + reach * reach * line.slope_variance;
    const double of_budget = line.tau * line.tau * growth_of_variance(ageing_, reach);
    parts.push_back({.ln_weight = line.ln_weight,
                     .mean = line.level + line.slope * reach,
                     .sd = std::sqrt(of_line + of_budget)});
  }
  return NormalMixture(std::move(parts));
}

NormalMixture SizePosterior::exponent() const {
  std::vector<NormalPart> parts;
  for (const Line& line : lines_) {
    parts.push_back({line.ln_weight, line.slope, std::sqrt(line.slope_variance)});
  }
  return NormalMixture(std::move(parts));
}

}  // namespace isoflop
