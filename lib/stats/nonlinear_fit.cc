// SPDX-License-Identifier: Apache-2.0
// Ends of descents that agree to 1e-4 are one; the six lowest are polished, and starts whose
// polished end is within 1e-8 of the best are counted as agreeing. For Huber's function the ends of
// least squares follow delta down from their largest residual by factors of 4. Errors are those of
// linear regression on the Jacobian at the optimum without the parameters at a bound, in columns of
// unit length.
#include "stats/nonlinear_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include <Eigen/Core>

#include "stats/bounded_newton.h"
#include "stats/descent.h"
#include "stats/linear_algebra.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kSameOptimum = 1e-8;    // relative, of the objective
constexpr double kSameDescent = 1e-4;    // the same of ends that were not polished
constexpr std::size_t kMaxPolished = 6;  // distinct ends that are

struct End {
  ParameterVector theta;
  double value;
  std::int64_t n_starts;  // that led here
};

/// Where descents from all starts end, best first, equal values as one.
std::vector<End> descend_from_all(const NonlinearObjective& objective, const Bounds& bounds,
                                  std::span<const ParameterVector> starts) {
  std::vector<End> ends;
  for (const ParameterVector& start : starts) {
    const ParameterVector theta = descend(objective, bounds, start);
    const double value = objective.value(theta);
    if (std::isfinite(value)) ends.push_back({theta, value, 1});
  }
  std::stable_sort(ends.begin(), ends.end(),
                   [](const End& a, const End& b) { return a.value < b.value; });
  std::vector<End> distinct;
  for (const End& end : ends) {
    const double gap = kSameDescent * end.value + objective.rounding_floor();
    if (!distinct.empty() && end.value - distinct.back().value <= gap) {
      ++distinct.back().n_starts;
    } else if (distinct.size() < kMaxPolished) {
      distinct.push_back(end);
    }
  }
  return distinct;
}

NewtonEnd lower_delta(const NonlinearObjective& objective, const Bounds& bounds,
                      ParameterVector theta) {
  for (double delta = objective.largest_residual(theta); delta > objective.delta(); delta /= 4) {
    theta = minimize_bounded(objective.with_delta(delta), bounds, theta).theta;
  }
  return minimize_bounded(objective, bounds, theta);
}

/// The Jacobian's columns of the parameters that are free, rows by root weight.
Eigen::MatrixXd free_jacobian(const NonlinearObjective& objective, const ParameterVector& theta,
                              std::span<const int> free) {
  const auto observations = objective.observations();
  Eigen::MatrixXd jacobian(static_cast<Eigen::Index>(observations.size()),
                           static_cast<Eigen::Index>(free.size()));
  ParameterVector slope(objective.n_params());
  for (std::size_t i = 0; i < observations.size(); ++i) {
    objective.residual(observations[i], theta, slope);
    const double root = std::sqrt(observations[i].weight);
    for (std::size_t j = 0; j < free.size(); ++j) {
      jacobian(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = root * slope[free[j]];
    }
  }
  return jacobian;
}

/// s^2 of NonlinearFit::standard_errors; NaN where nothing is left to tell it by.
double error_variance(const NonlinearObjective& objective, const NonlinearFit& fit, double p) {
  double n = 0;
  double inside = 0;
  double psi_squares = 0;
  for (const Observation& observation : objective.observations()) {
    const double size = std::abs(objective.residual(observation, fit.theta));
    n += observation.weight;
    if (size <= objective.delta()) inside += observation.weight;
    psi_squares += observation.weight * std::pow(std::min(size, objective.delta()), 2);
  }
  if (n <= p) return std::numeric_limits<double>::quiet_NaN();
  if (!objective.is_huber()) return fit.value / (n - p);
  const double m = inside / n;
  const double k = 1 + p * (1 - m) / (n * m);
  return k * k * psi_squares / (n - p) / (m * m);
}

// The objective's curvature is 2 J'J for squares and m J'J for Huber's function.
void set_normal_variance(NonlinearFit& fit, const NonlinearObjective& objective) {
  double squares = 0;
  for (const Observation& observation : objective.observations()) {
    squares += observation.weight * std::pow(objective.residual(observation, fit.theta), 2);
  }
  fit.normal_variance = squares / fit.dof;
  fit.normal_rise = fit.normal_variance;
  const double sd = std::sqrt(fit.normal_variance);
  if (!objective.is_huber() || !(sd > 0)) return;
  const double k = objective.delta() / sd;
  fit.normal_variance *= huber_inefficiency(k);
  fit.normal_rise = 0.5 * std::erf(k / std::numbers::sqrt2) * fit.normal_variance;
}

void set_errors(NonlinearFit& fit, const NonlinearObjective& objective) {
  std::vector<int> free;
  for (int i = 0; i < objective.n_params(); ++i) {
    if (std::find(fit.at_bound.begin(), fit.at_bound.end(), i) == fit.at_bound.end()) {
      free.push_back(i);
    }
  }
  const int p = objective.n_params();
  fit.standard_errors = ParameterVector::Zero(p);
  fit.covariance = ParameterMatrix::Zero(p, p);
  if (free.empty()) return;
  Eigen::MatrixXd jacobian = free_jacobian(objective, fit.theta, free);
  const Eigen::VectorXd lengths = jacobian.colwise().norm();
  jacobian = jacobian * lengths.cwiseInverse().asDiagonal();
  const Eigen::VectorXd singular = singular_values(jacobian);
  fit.condition_number = singular.maxCoeff() / singular.minCoeff();
  const LeastSquares linear = least_squares(jacobian, Eigen::VectorXd::Zero(jacobian.rows()));
  const auto n_free = static_cast<double>(free.size());
  fit.error_variance = error_variance(objective, fit, n_free);
  for (const Observation& observation : objective.observations()) fit.dof += observation.weight;
  fit.dof -= n_free;
  if (fit.dof > 0) set_normal_variance(fit, objective);
  const Eigen::MatrixXd covariance =
      fit.error_variance * (lengths.cwiseInverse().asDiagonal() * linear.unit_covariance *
                            lengths.cwiseInverse().asDiagonal());
  for (std::size_t i = 0; i < free.size(); ++i) {
    for (std::size_t j = 0; j < free.size(); ++j) {
      fit.covariance(free[i], free[j]) =
          covariance(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
    }
  }
  fit.standard_errors = fit.covariance.diagonal().cwiseSqrt();
}

}  // namespace

NonlinearFit fit_nonlinear(const CurveModel& model, std::span<const Observation> observations,
                           const NonlinearOptions& options) {
  const Bounds bounds{options.low, options.high};
  const NonlinearObjective objective(model, observations, options.scale, options.delta.value_or(0));
  NonlinearFit fit;
  fit.n_starts = static_cast<std::int64_t>(options.starts.size());
  fit.value = std::numeric_limits<double>::infinity();
  fit.theta = bounds.clipped(options.starts.front());

  std::vector<std::pair<NewtonEnd, std::int64_t>> polished;
  for (const End& end : descend_from_all(objective, bounds, options.starts)) {
    polished.emplace_back(minimize_bounded(objective, bounds, end.theta), end.n_starts);
  }
  if (objective.is_huber()) {
    const NonlinearObjective squares = objective.with_delta(0);
    for (const End& end : descend_from_all(squares, bounds, options.starts)) {
      polished.emplace_back(lower_delta(objective, bounds, end.theta), end.n_starts);
    }
    fit.n_starts *= 2;
  }
  for (const auto& [end, n] : polished) {
    if (end.value < fit.value) {
      fit.value = end.value;
      fit.theta = end.theta;
      fit.converged = end.converged;
    }
  }
  const double gap = kSameOptimum * fit.value + objective.rounding_floor();
  for (const auto& [end, n] : polished) {
    if (end.value - fit.value <= gap) fit.n_starts_agreeing += n;
  }
  for (int i = 0; i < model.n_params(); ++i) {
    if (fit.theta[i] <= bounds.low[i] || fit.theta[i] >= bounds.high[i]) fit.at_bound.push_back(i);
  }
  if (std::isfinite(fit.value)) set_errors(fit, objective);
  return fit;
}

}  // namespace isoflop
