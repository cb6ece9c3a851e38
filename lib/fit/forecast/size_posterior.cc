// SPDX-License-Identifier: Apache-2.0
// A random-effects regression (Hartung and Knapp's model) read by Bayes' rule, with three things
// that frequentist intervals of four budgets cannot have: an exponent that published sweeps centre
// near 1/2, a scatter that is not 0 because four minima happened to lie on a line, and an exponent
// that need not be the same everywhere. Its random walk makes the law a local linear trend (Harvey,
// Forecasting, Structural Time Series Models and the Kalman Filter, 1989), continuous in ln C.
#include "fit/forecast/size_posterior.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Core>

#include "fit/forecast/scatter_grid.h"
#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr ScatterGrid kSizeScatters{0.004, 0.8, 24};
constexpr ScatterGrid kSizeDrifts{0.002, 0.1, 9};  // of the exponent, per square root of ln C

/// Covariance of the departures from the tangent at 0, at distances x and y in ln C, for a walk of
/// unit drift: integrated Brownian motion, one to each side.
double covariance_of_bend(double x, double y) {
  if (x * y <= 0) return 0;
  const double near = std::min(std::abs(x), std::abs(y)), far = std::max(std::abs(x), std::abs(y));
  return near * near * (3 * far - near) / 6;
}

/// Minima as rows of a regression.
struct Rows {
  Eigen::MatrixX2d design;  // 1, ln C - ln C_0
  Eigen::VectorXd sizes;    // ln N*
  Eigen::MatrixXd errors;   // covariance of what is known of ln N*
  Eigen::MatrixXd bend;     // covariance of unit drift
};

Rows rows_of(std::span<const LocatedMinimum> minima, const Correlation& correlation,
             double ln_compute0) {
  const auto n = static_cast<Eigen::Index>(minima.size());
  Rows rows{Eigen::MatrixX2d(n, 2), Eigen::VectorXd(n), Eigen::MatrixXd::Zero(n, n),
            Eigen::MatrixXd(n, n)};
  for (Eigen::Index i = 0; i < n; ++i) {
    const LocatedMinimum& a = minima[static_cast<std::size_t>(i)];
    rows.design.row(i) << 1, a.ln_compute - ln_compute0;
    rows.sizes[i] = a.ln_scale;
    for (Eigen::Index j = 0; j <= i; ++j) {
      const LocatedMinimum& b = minima[static_cast<std::size_t>(j)];
      const double shared =
          correlation.empty() ? i == j : correlation[static_cast<std::size_t>(i * n + j)];
      rows.errors(i, j) = rows.errors(j, i) = shared * a.ln_scale_se * b.ln_scale_se;
      rows.bend(i, j) = rows.bend(j, i) = covariance_of_bend(rows.design(i, 1), rows.design(j, 1));
    }
  }
  return rows;
}

}  // namespace

bool SizePosterior::can_be_had(std::span<const LocatedMinimum> minima, const ForecastPrior& prior) {
  if (minima.empty()) return false;
  const double spread = minima.back().ln_compute - minima.front().ln_compute;
  return prior.exponent ? true : minima.size() >= 3 && spread > 0;
}

SizePosterior::SizePosterior(std::span<const LocatedMinimum> minima, const Correlation& correlation,
                             const ForecastPrior& prior, double ln_compute0)
    : ln_compute0_(ln_compute0) {
  const Rows rows = rows_of(minima, correlation, ln_compute0);
  const auto n = rows.sizes.size();
  const Belief exponent = prior.exponent.value_or(Belief{0.5, 0});
  const double precision = prior.exponent ? 1 / (exponent.spread * exponent.spread) : 0;
  Eigen::MatrixX3d columns(n, 3);
  columns << rows.design, rows.sizes;
  for (const Scatter& drift : kSizeDrifts.values(prior.size_drift)) {
    const Eigen::MatrixXd known = rows.errors + drift.sd * drift.sd * rows.bend;
    for (const Scatter& scatter : kSizeScatters.values(prior.size_scatter)) {
      Eigen::MatrixXd covariance = known;
      covariance.diagonal().array() += scatter.sd * scatter.sd;
      const SymmetricSolution weighted = solve_symmetric(covariance, columns);
      Eigen::Matrix2d information = rows.design.transpose() * weighted.x.leftCols<2>();
      Eigen::Vector2d moments = rows.design.transpose() * weighted.x.col(2);
      information(1, 1) += precision;
      moments[1] += precision * exponent.centre;
      const Eigen::Matrix2d variance = inverse_of(information);
      const Eigen::Vector2d line = variance * moments;
      const Eigen::VectorXd residuals = rows.sizes - rows.design * line;
      const Eigen::VectorXd weighted_residuals =
          weighted.x.col(2) - weighted.x.leftCols<2>() * line;
      const double surprise =
          residuals.dot(weighted_residuals) + precision * std::pow(line[1] - exponent.centre, 2);
      const double ln_determinant =
          weighted.ln_determinant -
          std::log(variance(0, 0) * variance(1, 1) - std::pow(variance(0, 1), 2));
      lines_.push_back(
          {.ln_weight = scatter.ln_belief + drift.ln_belief - 0.5 * (surprise + ln_determinant),
           .scatter = scatter.sd,
           .drift = drift.sd,
           .level = line[0],
           .slope = line[1],
           .level_variance = variance(0, 0),
           .covariance = variance(0, 1),
           .slope_variance = variance(1, 1)});
    }
  }
}

NormalMixture SizePosterior::at(double ln_compute) const {
  const double reach = ln_compute - ln_compute0_;
  const double bend = covariance_of_bend(reach, reach);
  std::vector<NormalPart> parts;
  for (const Line& line : lines_) {
    const double of_line =
        line.level_variance + 2 * reach * line.covariance + reach * reach * line.slope_variance;
    const double of_budget = line.drift * line.drift * bend + line.scatter * line.scatter;
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
