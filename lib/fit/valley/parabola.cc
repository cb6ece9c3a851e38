// SPDX-License-Identifier: Apache-2.0
// Approach 2 of arXiv:2203.15556 at one budget: L = c0 + c1 x + c2 x^2, x = ln scale, by least
// squares over the window, all sizes with one weight; ln N* is the vertex -c1 / (2 c2). Its error
// and the minimum's are those of the delta method from s^2 (X'X)^-1, s first over the curve's own
// n - 3, then one relative noise for all curves. Two sizes each side and the best run inside are
// asked of the whole curve, not of the window. predicted_bias() fits the same parabola to the
// surface's losses at these sizes. A parabola through every size lost against the window, a factor
// of 3 in the error of ln N* on steep curves: parabola.h.
#include "fit/valley/parabola.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Core>

#include "fit/valley/parametric_valley.h"
#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr double kFarBelow = 3;  // residual rms

/// y = b0 + b1 (x - centre) + b2 (x - centre)^2.
struct Parabola {
  double centre = 0;
  Eigen::MatrixX3d design;
  Eigen::Vector3d b;
  Eigen::Matrix3d unit_covariance;  // of b, for residuals of variance 1
  double residual_sum = 0;          // of squares

  [[nodiscard]] double vertex_offset() const { return -b[1] / (2 * b[2]); }
  [[nodiscard]] double vertex() const { return centre + vertex_offset(); }
  /// Of the vertex by b.
  [[nodiscard]] Eigen::Vector3d vertex_gradient() const {
    return {0, -1 / (2 * b[2]), -vertex_offset() / b[2]};
  }
  [[nodiscard]] double minimum() const { return b[0] - b[1] * b[1] / (4 * b[2]); }
};

Parabola fit_parabola(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<Eigen::Index>(x.size());
  Parabola result;
  for (const double value : x) result.centre += value / static_cast<double>(n);
  Eigen::MatrixX3d& design = result.design;
  design.resize(n, 3);
  Eigen::VectorXd values(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const double offset = x[static_cast<std::size_t>(i)] - result.centre;
    design.row(i) << 1, offset, offset * offset;
    values[i] = y[static_cast<std::size_t>(i)];
  }
  const LeastSquares fit = least_squares(design, values);
  result.b = fit.solution;
  result.unit_covariance = fit.unit_covariance;
  result.residual_sum = fit.residual_sum();
  return result;
}

double compute_spread(std::span<const Sample> samples) {
  const auto [low, high] =
      std::minmax_element(samples.begin(), samples.end(),
                          [](const Sample& a, const Sample& b) { return a.compute < b.compute; });
  return high->compute / low->compute;
}

// Two sizes on each side of the vertex and the best run inside; the vertex within the sizes that
// the parabola was fitted to, and no measured run far below its minimum.
bool is_bracketed(std::span<const Sample> samples, std::span<const Sample> window,
                  const Parabola& parabola, double sd) {
  const double vertex = parabola.vertex();
  const auto lighter = std::count_if(samples.begin(), samples.end(), [&](const Sample& sample) {
    return std::log(sample.scale) < vertex;
  });
  const auto heavier = static_cast<std::ptrdiff_t>(samples.size()) - lighter;
  const std::size_t best = best_index(samples);
  const bool within =
      window.front().scale <= std::exp(vertex) && std::exp(vertex) <= window.back().scale;
  const bool contradicted = samples[best].metric < parabola.minimum() - kFarBelow * sd;
  return lighter >= 2 && heavier >= 2 && best > 0 && best + 1 < samples.size() && within &&
         !contradicted;
}

// Errors of the vertex and of the minimum by the delta method.
void set_errors(Valley& valley, const Parabola& parabola, double sd) {
  const double offset = parabola.vertex_offset();
  const Eigen::Vector3d minimum_gradient(1, offset, offset * offset);
  const auto error = [&](const Eigen::Vector3d& gradient) {
    return sd * std::sqrt(gradient.dot(parabola.unit_covariance * gradient));
  };
  valley.ln_scale_se = error(parabola.vertex_gradient());
  valley.loss_se = error(minimum_gradient);
}

Parabola fit_window(std::span<const Sample> window, const auto& metric_of) {
  std::vector<double> x, y;
  for (const Sample& sample : window) {
    x.push_back(std::log(sample.scale));
    y.push_back(metric_of(sample));
  }
  return fit_parabola(x, y);
}

}  // namespace

CurveWindow curve_window(std::span<const Sample> curve, double band) {
  std::size_t first = best_index(curve);
  const double limit = (1 + band) * curve[first].metric;
  std::size_t last = first + 1;
  while (first > 0 || last < curve.size()) {
    const bool left =
        last == curve.size() || (first > 0 && curve[first - 1].metric <= curve[last].metric);
    const double next = left ? curve[first - 1].metric : curve[last].metric;
    if (next > limit && last - first >= kMinCurvePoints) break;
    if (left) {
      --first;
    } else {
      ++last;
    }
  }
  return {first, last};
}

std::vector<Sample> fitted_samples(const BudgetGroup& curve, const Valley& valley) {
  std::vector<Sample> window;
  for (const Sample& sample : curve.samples) {
    if (sample.scale >= valley.fitted_scale.low && sample.scale <= valley.fitted_scale.high) {
      window.push_back(sample);
    }
  }
  return window;
}

double tokens_at(std::span<const Sample> samples, double ln_scale) {
  const auto n = static_cast<Eigen::Index>(samples.size());
  Eigen::MatrixX2d design(n, 2);
  Eigen::VectorXd values(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Sample& sample = samples[static_cast<std::size_t>(i)];
    design.row(i) << 1, std::log(sample.scale) - ln_scale;
    values[i] = std::log(sample.tokens);
  }
  return std::exp(least_squares(design, values).solution(0, 0));
}

Valley fit_valley(const BudgetGroup& curve, double band) {
  Valley valley;
  valley.budget = curve.budget;
  valley.compute = curve.compute;
  valley.n_points = static_cast<std::int64_t>(curve.samples.size());
  if (curve.samples.size() < kMinCurvePoints) return valley;
  const CurveWindow range = curve_window(curve.samples, band);
  const std::span<const Sample> window =
      std::span(curve.samples).subspan(range.first, range.last - range.first);
  valley.compute_spread = compute_spread(curve.samples);
  valley.best_cell_scale = curve.samples[best_index(curve.samples)].scale;
  valley.n_fitted = static_cast<std::int64_t>(window.size());
  valley.fitted_scale = {window.front().scale, window.back().scale};
  const Parabola parabola = fit_window(window, [](const Sample& s) { return s.metric; });
  const double centre = parabola.centre;
  valley.coefficients[0] = parabola.b[0] - parabola.b[1] * centre + parabola.b[2] * centre * centre;
  valley.coefficients[1] = parabola.b[1] - 2 * parabola.b[2] * centre;
  valley.coefficients[2] = parabola.b[2];
  valley.curvature = 2 * parabola.b[2];
  valley.residual_rms = std::sqrt(parabola.residual_sum /
                                  static_cast<double>(std::max<std::size_t>(1, window.size() - 3)));
  // A curve as flat as rounding has its vertex beyond what a number holds: it has none.
  const double vertex = std::exp(parabola.vertex());
  const double tokens = tokens_at(window, parabola.vertex());
  const bool has_vertex =
      vertex > 0 && tokens > 0 && std::isfinite(vertex) && std::isfinite(tokens);
  if (!(parabola.b[2] > 0) || !has_vertex) {
    valley.status = FitStatus::not_convex;
    return valley;
  }
  valley.bracketed = is_bracketed(curve.samples, window, parabola, valley.residual_rms);
  valley.status = valley.bracketed ? FitStatus::ok : FitStatus::not_bracketed;
  valley.scale_opt = vertex;
  valley.tokens_opt = tokens;
  valley.loss_opt = parabola.minimum();
  set_errors(valley, parabola, valley.residual_rms);
  return valley;
}

double Valley::best_cell_distance() const { return std::log(scale_opt / best_cell_scale); }

double pooled_noise(std::span<const Valley> valleys) {
  double sum = 0;
  double dof = 0;
  for (const Valley& valley : valleys) {
    if (!valley.usable()) continue;
    const auto own = static_cast<double>(valley.n_fitted - 3);
    sum += own * std::pow(valley.residual_rms / valley.loss_opt, 2);
    dof += own;
  }
  return dof > 0 ? std::sqrt(sum / dof) : 0;
}

void pool_noise(std::vector<Valley>& valleys) {
  const double pooled = pooled_noise(valleys);
  for (Valley& valley : valleys) {
    if (!valley.usable() || !(valley.residual_rms > 0)) continue;
    const double factor = pooled * valley.loss_opt / valley.residual_rms;
    valley.ln_scale_se *= factor;
    valley.loss_se *= factor;
  }
}

ValleyErrors errors_of(const BudgetGroup& curve, const Valley& valley) {
  const std::vector<Sample> window = fitted_samples(curve, valley);
  const Parabola parabola = fit_window(window, [](const Sample& s) { return s.metric; });
  const Eigen::Matrix3Xd pseudo_inverse = parabola.unit_covariance * parabola.design.transpose();
  const auto n = static_cast<Eigen::Index>(window.size());
  ValleyErrors errors;
  for (const Sample& sample : window) errors.trunks.push_back(sample.trunk);
  errors.influence = valley.loss_opt * pseudo_inverse.transpose() * parabola.vertex_gradient();
  errors.basis = column_space(parabola.design);
  errors.residuals.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const double fitted = parabola.design.row(i) * parabola.b;
    errors.residuals[i] = (window[static_cast<std::size_t>(i)].metric - fitted) / valley.loss_opt;
  }
  return errors;
}

double predicted_bias(const BudgetGroup& curve, const Valley& valley, const LossLaw& surface) {
  const std::vector<Sample> window = fitted_samples(curve, valley);
  const Parabola parabola =
      fit_window(window, [&](const Sample& s) { return surface(s.scale, s.tokens); });
  return parabola.vertex() - log_optimal_size(surface, valley.compute / flops_factor(window));
}

double closed_form_bias(const BudgetGroup& curve, const Valley& valley, const LossLaw& surface) {
  const double low = std::log(valley.fitted_scale.low), high = std::log(valley.fitted_scale.high);
  const double product = valley.compute / flops_factor(fitted_samples(curve, valley));
  const double offset = 0.5 * (low + high) - log_optimal_size(surface, product);
  return parabola_bias(surface.alpha, surface.beta,
                       {.half_width = std::exp(0.5 * (high - low)),
                        .centre_ratio = std::exp(offset),
                        .n_sizes = valley.n_fitted});
}

}  // namespace isoflop
