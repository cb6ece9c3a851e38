// SPDX-License-Identifier: Apache-2.0
// Approach 3's optimum on each curve: (alpha + beta) ln N* = ln(alpha A) - ln(beta B) + beta
// ln(C / k). Its gradient in the parameters is linear in ln C, hence Var ln N* a quadratic in ln C,
// centred at the curves' mean. The covariance is s^2 (J'J)^-1 over n - 5, with E left out where it
// is 0. The laws are the surface's own exponents, no regression through the minima; a scatter tau
// adds tau^2 / n to the level's variance and tau^2 / sum (x - mean x)^2 to the slope's. Here tau
// counts as known; surface_intervals.cc, whose intervals are the calibrated ones, averages over
// what the budgets leave open of it.
#include "fit/valley/parametric_valley.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Core>

#include "fit/estimate/power_law_fit.h"
#include "isoflop/deadweight.h"
#include "stats/distributions.h"
#include "stats/linear_algebra.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

using Vector = Eigen::Matrix<double, 5, 1>;
using Matrix = Eigen::Matrix<double, 5, 5>;

/// The surface in units of the samples' mean size and tokens, which makes its parameters nearly
/// independent, and their covariance in the order E, A, B, alpha, beta.
struct Uncertain {
  double size_unit = 1, tokens_unit = 1;
  LossLaw law;
  Matrix covariance = Matrix::Zero();
  double freedom = 0;
  [[nodiscard]] bool identified() const {
    return covariance.allFinite() && covariance.diagonal().minCoeff() >= 0;
  }
};

Uncertain in_units_of(const LossLaw& law, std::span<const Sample> samples) {
  double sum_size = 0, sum_tokens = 0;
  for (const Sample& sample : samples) {
    sum_size += std::log(sample.scale);
    sum_tokens += std::log(sample.tokens);
  }
  const auto n = static_cast<double>(samples.size());
  Uncertain result;
  result.size_unit = std::exp(sum_size / n);
  result.tokens_unit = std::exp(sum_tokens / n);
  result.law = law;
  result.law.a *= std::pow(result.size_unit, -law.alpha);
  result.law.b *= std::pow(result.tokens_unit, -law.beta);
  return result;
}

Vector gradient_at(const LossLaw& law, double size, double tokens) {
  const double size_power = std::pow(size, -law.alpha), tokens_power = std::pow(tokens, -law.beta);
  Vector gradient;
  gradient << 1, size_power, tokens_power, -law.a * size_power * std::log(size),
      -law.b * tokens_power * std::log(tokens);
  return gradient;
}

double residual_variance(std::vector<double> residuals, double freedom, const ParametricFit& fit) {
  const auto n = static_cast<double>(residuals.size());
  double squares = 0;
  for (double& residual : residuals) {
    squares += residual * residual;
    residual = std::abs(residual);
  }
  if (fit.objective == ObjectiveKind::mse) return squares / freedom;
  const double sd = kSdPerMad * median(std::move(residuals)) * std::sqrt(n / freedom);
  return sd > 0 ? sd * sd * huber_inefficiency(fit.delta / sd) : 0;
}

Uncertain uncertain_surface(const ParametricFit& fit, std::span<const Sample> samples) {
  Uncertain result = in_units_of(fit.law, samples);
  result.freedom = static_cast<double>(samples.size()) - 5;
  Matrix information = Matrix::Zero();
  std::vector<double> residuals;
  const bool logarithmic = fit.objective == ObjectiveKind::huber_log;
  for (const Sample& sample : samples) {
    const double size = sample.scale / result.size_unit,
                 tokens = sample.tokens / result.tokens_unit;
    const double predicted = result.law(size, tokens);
    Vector gradient = gradient_at(result.law, size, tokens);
    if (logarithmic) gradient /= predicted;
    information += gradient * gradient.transpose();
    residuals.push_back(logarithmic ? std::log(predicted / sample.metric)
                                    : predicted - sample.metric);
  }
  const bool floor_at_zero = !(fit.law.irreducible > 0);
  if (floor_at_zero) {
    information.row(0).setZero();
    information.col(0).setZero();
    information(0, 0) = 1;
  }
  result.covariance = inverse_of(information);
  if (floor_at_zero) result.covariance(0, 0) = 0;
  result.covariance *= residual_variance(std::move(residuals), result.freedom, fit);
  return result;
}

/// Gradient of ln optimal size, level + slope * ln(product / unit product).
struct OptimumGradient {
  Vector level, slope;
};

OptimumGradient optimum_gradient(const LossLaw& law) {
  const double sum = law.alpha + law.beta;
  const double at_one = log_optimal_size(law, 1);
  OptimumGradient gradient;
  gradient.level << 0, 1 / law.a, -1 / law.b, 1 / law.alpha - at_one, -1 / law.beta - at_one;
  gradient.level /= sum;
  gradient.slope << 0, 0, 0, -law.beta / (sum * sum), law.alpha / (sum * sum);
  return gradient;
}

/// Variance of ln N*(C), quadratic in x = ln C - centre: level + 2 cross x + slope x^2.
struct LineVariance {
  double centre = 0, level = 0, cross = 0, slope = 0;
  [[nodiscard]] double at(double log_compute) const {
    const double x = log_compute - centre;
    return level + x * (2 * cross + x * slope);
  }
};

LineVariance line_variance(const Uncertain& surface, double flops_factor, double log_compute) {
  const OptimumGradient gradient = optimum_gradient(surface.law);
  const double log_unit = std::log(flops_factor * surface.size_unit * surface.tokens_unit);
  const Vector there = gradient.level + gradient.slope * (log_compute - log_unit);
  const Matrix& v = surface.covariance;
  return {.centre = log_compute,
          .level = there.dot(v * there),
          .cross = there.dot(v * gradient.slope),
          .slope = gradient.slope.dot(v * gradient.slope)};
}

void add_scatter(LineVariance& variance, std::span<const BudgetGroup> curves, double tau) {
  double spread = 0;
  for (const BudgetGroup& curve : curves) {
    spread += std::pow(std::log(curve.compute) - variance.centre, 2);
  }
  variance.level += tau * tau / static_cast<double>(curves.size());
  if (spread > 0) variance.slope += tau * tau / spread;
}

PowerLawFit law_with_errors(double exponent, double log_level, const LineVariance& variance,
                            double freedom, double tau) {
  PowerLawFit fit;
  const double log_coefficient = log_level - exponent * variance.centre;
  fit.law = {std::exp(log_coefficient), exponent};
  fit.tau = tau;
  const double shift = variance.slope > 0 ? -variance.cross / variance.slope : 0;
  fit.centre = variance.centre + shift;
  fit.level_se = std::sqrt(std::max(0.0, variance.level + shift * variance.cross));
  fit.exponent_se = std::sqrt(std::max(0.0, variance.slope));
  fit.t = t90(freedom);
  set_intervals(fit, log_coefficient);
  fit.status = std::isfinite(fit.coefficient.high) ? FitStatus::ok : FitStatus::not_converged;
  return fit;
}

ValleyEstimate estimate_at(const BudgetGroup& curve, const Uncertain& surface, const LossLaw& law,
                           const LineVariance& variance) {
  ValleyEstimate estimate{.budget = curve.budget, .compute = curve.compute};
  const double product = curve.compute / flops_factor(curve.samples);
  estimate.scale_opt = std::exp(log_optimal_size(law, product));
  estimate.tokens_opt = product / estimate.scale_opt;
  estimate.loss_opt = law(estimate.scale_opt, estimate.tokens_opt);
  // Along the compute the loss is flat at the optimum: only the parameters' own errors count.
  Vector gradient = gradient_at(surface.law, estimate.scale_opt / surface.size_unit,
                                estimate.tokens_opt / surface.tokens_unit);
  estimate.loss_se = std::sqrt(std::max(0.0, gradient.dot(surface.covariance * gradient)));
  estimate.ln_scale_se = std::sqrt(std::max(0.0, variance.at(std::log(curve.compute))));
  estimate.status = FitStatus::ok;
  return estimate;
}

}  // namespace

double log_optimal_size(const LossLaw& law, double product) {
  const double sum = law.alpha + law.beta;
  // In logarithms: a / b spans dozens of decades where one exponent is large.
  const double log_ratio =
      std::log(law.alpha) + std::log(law.a) - std::log(law.beta) - std::log(law.b);
  return (log_ratio + law.beta * std::log(product)) / sum;
}

ValleyEstimator parametric_estimator(std::span<const BudgetGroup> curves,
                                     std::span<const Sample> samples, const ParametricFit& fit,
                                     double tau) {
  ValleyEstimator estimator{.method = ValleyMethod::parametric};
  const bool possible =
      fit.usable() && has_optimum(fit.law) && samples.size() > 5 && !curves.empty();
  const Uncertain surface = possible ? uncertain_surface(fit, samples) : Uncertain{};
  if (!possible || !surface.identified()) {
    for (const BudgetGroup& curve : curves) {
      estimator.valleys.push_back({.budget = curve.budget, .compute = curve.compute});
    }
    return estimator;
  }
  double mean_log = 0;
  for (const BudgetGroup& curve : curves) {
    mean_log += std::log(curve.compute) / static_cast<double>(curves.size());
  }
  const double k = flops_factor(samples);
  LineVariance variance = line_variance(surface, k, mean_log);
  for (const BudgetGroup& curve : curves) {
    estimator.valleys.push_back(estimate_at(curve, surface, fit.law, variance));
  }
  add_scatter(variance, curves, tau);
  const double exponent = fit.law.beta / (fit.law.alpha + fit.law.beta);
  const double product = std::exp(mean_log) / k;
  const double log_size = log_optimal_size(fit.law, product);
  estimator.scale_opt = law_with_errors(exponent, log_size, variance, surface.freedom, tau);
  estimator.tokens_opt =
      law_with_errors(1 - exponent, std::log(product) - log_size, variance, surface.freedom, tau);
  estimator.scale_opt.n_points = static_cast<std::int64_t>(curves.size());
  estimator.tokens_opt.n_points = estimator.scale_opt.n_points;
  return estimator;
}

}  // namespace isoflop
