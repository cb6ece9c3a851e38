// SPDX-License-Identifier: Apache-2.0
#include "fit/loss_objective.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/Dense>

namespace isoflop {
namespace {

// Least squares of three columns with non-negative coefficients: the best feasible one of the seven
// choices of columns is the optimum.
Eigen::Vector3d solve_not_negative(const Eigen::Matrix3d& gram, const Eigen::Vector3d& moment) {
  Eigen::Vector3d best = Eigen::Vector3d::Zero();
  double best_gain = 0;
  for (int mask = 1; mask < 8; ++mask) {
    Eigen::Matrix3d g = Eigen::Matrix3d::Identity();
    Eigen::Vector3d m = Eigen::Vector3d::Zero();
    for (int i = 0; i < 3; ++i) {
      if (!(mask >> i & 1)) continue;
      m[i] = moment[i];
      for (int j = 0; j < 3; ++j) {
        if (mask >> j & 1) g(i, j) = gram(i, j);
      }
    }
    const Eigen::Vector3d x = g.fullPivLu().solve(m);
    const double gain = x.dot(m);
    if (x.minCoeff() >= 0 && gain > best_gain) {
      best = x;
      best_gain = gain;
    }
  }
  return best;
}

}  // namespace

LossObjective::LossObjective(std::span<const LossSample> samples, ObjectiveKind kind, double delta)
    : kind_(kind), delta_(delta) {
  const auto n = static_cast<double>(samples.size());
  for (const LossSample& sample : samples) {
    mean_log_size_ += std::log(sample.size) / n;
    mean_log_tokens_ += std::log(sample.tokens) / n;
  }
  for (const LossSample& sample : samples) {
    points_.push_back({std::log(sample.size) - mean_log_size_,
                       std::log(sample.tokens) - mean_log_tokens_, sample.loss,
                       std::log(sample.loss), sample.weight});
  }
}

LossObjective LossObjective::with_delta(double delta) const {
  LossObjective copy = *this;
  copy.delta_ = delta;
  return copy;
}

LossObjective LossObjective::with_weights(std::span<const double> weights) const {
  LossObjective copy = *this;
  for (std::size_t i = 0; i < points_.size(); ++i) copy.points_[i].weight = weights[i];
  std::erase_if(copy.points_, [](const CentredPoint& point) { return point.weight == 0; });
  return copy;
}

double LossObjective::residual(double predicted, const CentredPoint& point) const {
  return kind_ == ObjectiveKind::huber_log ? std::log(predicted) - point.log_loss
                                           : predicted - point.loss;
}

double LossObjective::value(const SurfaceVector& s) const {
  double sum = 0;
  for (const CentredPoint& point : points_) {
    const double predicted =
        s[0] + s[1] * std::exp(-s[3] * point.log_size) + s[2] * std::exp(-s[4] * point.log_tokens);
    const double r = residual(predicted, point);
    if (kind_ == ObjectiveKind::mse) {
      sum += point.weight * r * r;
    } else if (const double size = std::abs(r); size <= delta_) {
      sum += point.weight * 0.5 * r * r;
    } else {
      sum += point.weight * delta_ * (size - 0.5 * delta_);
    }
  }
  return std::isnan(sum) ? std::numeric_limits<double>::infinity() : sum;
}

double LossObjective::derivatives(const SurfaceVector& s, SurfaceVector& gradient,
                                  SurfaceMatrix& hessian) const {
  double sum = 0;
  gradient.setZero();
  hessian.setZero();
  for (const CentredPoint& point : points_) {
    const double x = point.log_size;
    const double y = point.log_tokens;
    const double u = std::exp(-s[3] * x);
    const double v = std::exp(-s[4] * y);
    const double predicted = s[0] + s[1] * u + s[2] * v;
    const double r = residual(predicted, point);
    // d objective / dr and its derivative.
    double first = 2 * r;
    double second = 2;
    if (kind_ == ObjectiveKind::mse) {
      sum += point.weight * r * r;
    } else if (std::abs(r) <= delta_) {
      sum += point.weight * 0.5 * r * r;
      first = r;
      second = 1;
    } else {
      sum += point.weight * delta_ * (std::abs(r) - 0.5 * delta_);
      first = std::copysign(delta_, r);
      second = 0;
    }
    first *= point.weight;
    second *= point.weight;
    SurfaceVector slope;
    slope << 1, u, v, -s[1] * x * u, -s[2] * y * v;
    if (kind_ == ObjectiveKind::huber_log) {
      // r = ln f: r_i = f_i / f and r_ij = f_ij / f - r_i r_j.
      slope /= predicted;
      second -= first;
      first /= predicted;
      gradient += first * predicted * slope;
    } else {
      gradient += first * slope;
    }
    hessian.noalias() += second * slope * slope.transpose();
    hessian(1, 3) -= first * x * u;
    hessian(3, 1) -= first * x * u;
    hessian(2, 4) -= first * y * v;
    hessian(4, 2) -= first * y * v;
    hessian(3, 3) += first * s[1] * x * x * u;
    hessian(4, 4) += first * s[2] * y * y * v;
  }
  return sum;
}

SurfaceVector LossObjective::linear_start(double alpha, double beta) const {
  Eigen::Matrix3d gram = Eigen::Matrix3d::Zero();
  Eigen::Vector3d moment = Eigen::Vector3d::Zero();
  for (const CentredPoint& point : points_) {
    const Eigen::Vector3d column(1, std::exp(-alpha * point.log_size),
                                 std::exp(-beta * point.log_tokens));
    const bool relative = kind_ == ObjectiveKind::huber_log;
    const double weight = relative ? point.weight / (point.loss * point.loss) : point.weight;
    gram.noalias() += weight * column * column.transpose();
    moment += weight * point.loss * column;
  }
  const Eigen::Vector3d linear = solve_not_negative(gram, moment);
  SurfaceVector surface;
  surface << linear, alpha, beta;
  return surface;
}

double LossObjective::rounding_floor() const {
  constexpr double kResidualError = 1e-14;  // relative to the loss; dozens of roundings
  double sum = 0;
  for (const CentredPoint& point : points_) {
    const double error = kResidualError * (kind_ == ObjectiveKind::huber_log ? 1 : point.loss);
    sum += point.weight * error * error;
  }
  return sum;
}

double LossObjective::largest_residual(const SurfaceVector& s) const {
  double largest = 0;
  for (const CentredPoint& point : points_) {
    const double predicted =
        s[0] + s[1] * std::exp(-s[3] * point.log_size) + s[2] * std::exp(-s[4] * point.log_tokens);
    largest = std::max(largest, std::abs(residual(predicted, point)));
  }
  return largest;
}

LossLaw LossObjective::to_law(const SurfaceVector& s, LossLaw::Scale scale) const {
  return {.irreducible = s[0],
          .a = s[1] * std::exp(s[3] * mean_log_size_),
          .alpha = s[3],
          .b = s[2] * std::exp(s[4] * mean_log_tokens_),
          .beta = s[4],
          .scale = scale};
}

}  // namespace isoflop
