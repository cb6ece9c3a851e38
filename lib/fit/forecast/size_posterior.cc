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

Eigen::MatrixXd errors_of(std::span<const LocatedMinimum> minima, const Correlation& correlation) {
  const auto n = static_cast<Eigen::Index>(minima.size());
  Eigen::MatrixXd errors = Eigen::MatrixXd::Identity(n, n);
  if (!correlation.empty()) {
    errors = Eigen::Map<const Eigen::MatrixXd>(correlation.data(), n, n);
  }
  for (Eigen::Index i = 0; i < n; ++i) {
    const double se = minima[static_cast<std::size_t>(i)].ln_scale_se;
    errors.row(i) *= se;
    errors.col(i) *= se;
  }
  return errors;
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
  const auto n = static_cast<Eigen::Index>(minima.size());
  const Eigen::MatrixXd errors = errors_of(minima, correlation);
  Eigen::MatrixX2d design(n, 2);
  Eigen::VectorXd sizes(n), age(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const LocatedMinimum& minimum = minima[static_cast<std::size_t>(i)];
    design.row(i) << 1, minimum.ln_compute - ln_largest_compute;
    sizes[i] = minimum.ln_scale;
    age[i] = growth_of_variance(prior.ageing, minimum.ln_compute - ln_largest_compute);
  }
  const Belief exponent = prior.exponent.value_or(Belief{0.5, 0});
  const double precision = prior.exponent ? 1 / (exponent.spread * exponent.spread) : 0;
  for (const Scatter& scatter : kTaus.values(prior.size_scatter)) {
    Eigen::MatrixXd covariance = errors;
    covariance.diagonal().array() += scatter.sd * scatter.sd;
    covariance = age.cwiseSqrt().asDiagonal() * covariance * age.cwiseSqrt().asDiagonal();
    const Eigen::MatrixXd weights = inverse_of(covariance);
    Eigen::Matrix2d information = design.transpose() * weights * design;
    Eigen::Vector2d moments = design.transpose() * weights * sizes;
    information(1, 1) += precision;
    moments[1] += precision * exponent.centre;
    const Eigen::Matrix2d variance = inverse_of(information);
    const Eigen::Vector2d line = variance * moments;
    const Eigen::VectorXd residuals = sizes - design * line;
    const double surprise =
        residuals.dot(weights * residuals) + precision * std::pow(line[1] - exponent.centre, 2);
    const double ln_determinant =
        solve_symmetric(covariance, sizes).ln_determinant -
        std::log(variance(0, 0) * variance(1, 1) - std::pow(variance(0, 1), 2));
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
