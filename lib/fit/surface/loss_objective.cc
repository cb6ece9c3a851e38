// SPDX-License-Identifier: Apache-2.0
#include "fit/surface/loss_objective.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

std::size_t padded(std::size_t n) {
  const auto block = static_cast<std::size_t>(kColumnBlock);
  return (n + block - 1) / block * block;
}

// Huber's function without a bend is r^2 / 2; the contract's mse is the sum of r^2.
constexpr double kSquaresFactor = 2;

}  // namespace

LossObjective::LossObjective(const SurfaceColumns& points, ObjectiveKind kind, double delta)
    : points_(points),
      kind_(kind),
      loss_{.logarithmic = kind == ObjectiveKind::huber_log,
            .delta = kind == ObjectiveKind::mse ? std::numeric_limits<double>::infinity() : delta},
      kernels_(&surface_kernels()) {
  constexpr double kResidualError = 1e-14;  // relative to the loss; dozens of roundings
  for (std::int64_t i = 0; i < points.n; ++i) {
    const double error = kResidualError * (loss_.logarithmic ? 1 : points.target[i]);
    rounding_floor_ += points.weight[i] * error * error;
  }
}

double LossObjective::value(const SurfaceVector& surface) const {
  const double sum = kernels_->value(points_, loss_, surface.data());
  if (std::isnan(sum)) return std::numeric_limits<double>::infinity();
  return is_huber() ? sum : kSquaresFactor * sum;
}

void LossObjective::derivatives(const SurfaceVector& surface, SurfaceDerivatives& result) const {
  kernels_->derivatives(points_, loss_, surface.data(), result);
  finish(result);
}

void LossObjective::majorant(const SurfaceVector& surface, SurfaceDerivatives& result) const {
  kernels_->majorant(points_, loss_, surface.data(), result);
  finish(result);
}

void LossObjective::finish(SurfaceDerivatives& result) const {
  if (std::isnan(result.value)) result.value = std::numeric_limits<double>::infinity();
  if (is_huber()) return;
  result.value *= kSquaresFactor;
  for (double& x : result.gradient) x *= kSquaresFactor;
  for (double& x : result.hessian) x *= kSquaresFactor;
}

LossObjective LossObjective::with_delta(double delta) const {
  LossObjective copy = *this;
  copy.loss_.delta = delta;
  return copy;
}

void LossObjective::residuals(const SurfaceVector& s, std::span<double> result) const {
  for (std::size_t i = 0; i < result.size(); ++i) {
    const double f =
        s[0] + s[1] * std::exp(-s[3] * points_.x[i]) + s[2] * std::exp(-s[4] * points_.y[i]);
    result[i] = (loss_.logarithmic ? std::log(f) : f) - points_.target[i];
  }
}

LossPoints::LossPoints(std::span<const LossSample> samples)
    : n_(samples.size()),
      x_(padded(n_)),
      y_(padded(n_)),
      loss_(padded(n_), 1.0),
      log_loss_(padded(n_)),
      weight_(padded(n_)) {
  const auto n = static_cast<double>(n_);
  for (std::size_t i = 0; i < n_; ++i) {
    x_[i] = std::log(samples[i].size);
    y_[i] = std::log(samples[i].tokens);
    loss_[i] = samples[i].loss;
    log_loss_[i] = std::log(samples[i].loss);
    weight_[i] = samples[i].weight;
    mean_log_size_ += x_[i] / n;
    mean_log_tokens_ += y_[i] / n;
  }
  for (std::size_t i = 0; i < n_; ++i) {
    x_[i] -= mean_log_size_;
    y_[i] -= mean_log_tokens_;
  }
}

SurfaceColumns LossPoints::columns(ObjectiveKind kind) const {
  const bool logarithmic = kind == ObjectiveKind::huber_log;
  return {.n = static_cast<std::int64_t>(x_.size()),
          .x = x_.data(),
          .y = y_.data(),
          .target = logarithmic ? log_loss_.data() : loss_.data(),
          .weight = weight_.data()};
}

LossLaw LossPoints::to_law(const SurfaceVector& s, LossLaw::Scale scale) const {
  return {.irreducible = s[0],
          .a = s[1] * std::exp(s[3] * mean_log_size_),
          .alpha = s[3],
          .b = s[2] * std::exp(s[4] * mean_log_tokens_),
          .beta = s[4],
          .scale = scale};
}

SurfaceVector LossPoints::to_surface(const LossLaw& law) const {
  return {law.irreducible, law.a * std::exp(-law.alpha * mean_log_size_),
          law.b * std::exp(-law.beta * mean_log_tokens_), law.alpha, law.beta};
}

ResampledPoints::ResampledPoints(std::size_t n_points) { hold(n_points); }

void ResampledPoints::hold(std::size_t n) {
  if (padded(n) <= x_.size() && !x_.empty()) return;
  for (std::vector<double>* column : {&x_, &y_, &target_, &weight_}) column->resize(padded(n));
  columns_ = {
      .n = 0, .x = x_.data(), .y = y_.data(), .target = target_.data(), .weight = weight_.data()};
}

void ResampledPoints::assign(const SurfaceColumns& points, const LossResample& resample) {
  const std::span<const double> weights = resample.weights;
  hold(weights.size() + resample.redrawn.size());
  std::size_t n = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    x_[n] = points.x[i];
    y_[n] = points.y[i];
    target_[n] = points.target[i];
    weight_[n] = weights[i];
    if (weights[i] != 0) ++n;
  }
  for (const auto& [point, target] : resample.redrawn) {
    x_[n] = points.x[point];
    y_[n] = points.y[point];
    target_[n] = target;
    weight_[n++] = 1;
  }
  const std::size_t end = padded(n);
  for (; n < end; ++n) x_[n] = y_[n] = target_[n] = weight_[n] = 0;
  columns_.n = static_cast<std::int64_t>(end);
}

}  // namespace isoflop
