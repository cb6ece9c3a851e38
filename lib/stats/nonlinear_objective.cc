// SPDX-License-Identifier: Apache-2.0
#include "stats/nonlinear_objective.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

/// rho(r) and its first two derivatives.
struct Loss {
  double value, first, second;
};

Loss loss_of(double r, double delta) {
  if (!(delta > 0)) return {r * r, 2 * r, 2};
  const double size = std::abs(r);
  if (size <= delta) return {0.5 * r * r, r, 1};
  return {delta * (size - 0.5 * delta), std::copysign(delta, r), 0};
}

}  // namespace

double NonlinearObjective::residual(const Observation& observation,
                                    const ParameterVector& theta) const {
  const double f = model_.value(observation.x, theta);
  return scale_ == ResidualScale::log ? std::log(f) - std::log(observation.y) : f - observation.y;
}

double NonlinearObjective::residual(const Observation& observation, const ParameterVector& theta,
                                    ParameterVector& gradient) const {
  const double f = model_.gradient(observation.x, theta, gradient);
  if (scale_ == ResidualScale::level) return f - observation.y;
  gradient /= f;
  return std::log(f) - std::log(observation.y);
}

double NonlinearObjective::value(const ParameterVector& theta) const {
  double sum = 0;
  for (const Observation& observation : observations_) {
    sum += observation.weight * loss_of(residual(observation, theta), delta_).value;
  }
  return std::isfinite(sum) ? sum : std::numeric_limits<double>::infinity();
}

double NonlinearObjective::derivatives(const ParameterVector& theta, ParameterVector& gradient,
                                       ParameterMatrix& hessian) const {
  const int p = n_params();
  gradient = ParameterVector::Zero(p);
  hessian = ParameterMatrix::Zero(p, p);
  ParameterVector slope(p);
  ParameterMatrix bend(p, p);
  double sum = 0;
  for (const Observation& observation : observations_) {
    double r = model_.hessian(observation.x, theta, slope, bend);
    if (scale_ == ResidualScale::log) {
      // r = ln f - ln y: r_i = f_i / f and r_ij = f_ij / f - r_i r_j.
      slope /= r;
      bend = bend / r - slope * slope.transpose();
      r = std::log(r) - std::log(observation.y);
    } else {
      r -= observation.y;
    }
    const Loss loss = loss_of(r, delta_);
    sum += observation.weight * loss.value;
    gradient += observation.weight * loss.first * slope;
    hessian += observation.weight * (loss.first * bend + loss.second * slope * slope.transpose());
  }
  return std::isfinite(sum) ? sum : std::numeric_limits<double>::infinity();
}

NonlinearObjective NonlinearObjective::with_delta(double delta) const {
  return {model_, observations_, scale_, delta};
}

double NonlinearObjective::largest_residual(const ParameterVector& theta) const {
  double largest = 0;
  for (const Observation& observation : observations_) {
    largest = std::max(largest, std::abs(residual(observation, theta)));
  }
  return largest;
}

double NonlinearObjective::rounding_floor() const {
  constexpr double kRoundings = 4 * std::numeric_limits<double>::epsilon();
  double sum = 0;
  for (const Observation& observation : observations_) {
    const double size = scale_ == ResidualScale::log ? 1 + std::abs(std::log(observation.y))
                                                     : std::abs(observation.y);
    sum += observation.weight * std::pow(kRoundings * size, 2);
  }
  return sum;
}

}  // namespace isoflop
