// SPDX-License-Identifier: Apache-2.0
// n_nodes exponents from 0.02 to 4, equally spaced in the logarithm, for alpha and for beta. At a
// node the surface is linear: E, A, B by three normal equations and Cramer's rule, or, where one
// would be negative, by the best of the pairs and singles that are not. Powers are tabulated once,
// for all resamples. Residuals of ln L become f / L - 1, so that nodes are ranked by Huber's
// function of linearised residuals at coefficients of (re-weighted) least squares: good enough to
// start from, and the ends are compared exactly.
#include "fit/surface/start_grid.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace isoflop {
namespace {

constexpr double kFirstExponent = 0.02, kLastExponent = 4;

/// E, A, B >= 0 of least squares by their normal equations: gram (one one, one u, u u, one v, u v,
/// v v) and moment (one, u, v with the target).
std::array<double, 3> solve_not_negative(const double* g, const double* m) {
  // Cramer's rule; the columns' norms make the determinants comparable.
  const double c00 = g[2] * g[5] - g[4] * g[4], c01 = g[3] * g[4] - g[1] * g[5],
               c02 = g[1] * g[4] - g[2] * g[3];
  const double c11 = g[0] * g[5] - g[3] * g[3], c12 = g[1] * g[3] - g[0] * g[4],
               c22 = g[0] * g[2] - g[1] * g[1];
  const double determinant = g[0] * c00 + g[1] * c01 + g[3] * c02;
  if (determinant > 1e-14 * g[0] * g[2] * g[5]) {
    const double x0 = c00 * m[0] + c01 * m[1] + c02 * m[2];
    const double x1 = c01 * m[0] + c11 * m[1] + c12 * m[2];
    const double x2 = c02 * m[0] + c12 * m[1] + c22 * m[2];
    if (x0 >= 0 && x1 >= 0 && x2 >= 0) {
      return {x0 / determinant, x1 / determinant, x2 / determinant};
    }
  }
  // On a face: the best feasible one of the pairs and singles.
  std::array<double, 3> best = {};
  double best_gain = -1;
  const double diagonal[3] = {g[0], g[2], g[5]};
  const double other[3] = {g[4], g[3], g[1]};  // of the pair without column k
  for (std::size_t k = 0; k < 3; ++k) {
    const std::size_t i = k == 0 ? 1 : 0, j = k == 2 ? 1 : 2;
    const double pair = diagonal[i] * diagonal[j] - other[k] * other[k];
    const double xi = (diagonal[j] * m[i] - other[k] * m[j]) / pair;
    const double xj = (diagonal[i] * m[j] - other[k] * m[i]) / pair;
    if (pair > 1e-14 * diagonal[i] * diagonal[j] && xi >= 0 && xj >= 0) {
      const double gain = xi * m[i] + xj * m[j];
      if (gain > best_gain) {
        best = {};
        best[i] = xi;
        best[j] = xj;
        best_gain = gain;
      }
    }
    if (diagonal[k] > 0 && m[k] * m[k] / diagonal[k] > best_gain) {
      best = {};
      best[k] = m[k] / diagonal[k];
      best_gain = m[k] * best[k];
    }
  }
  return best;
}

}  // namespace

StartGrid::StartGrid(const SurfaceColumns& points, ObjectiveKind kind, int n_nodes)
    : kernels_(&surface_kernels()),
      n_(points.n),
      n_nodes_(n_nodes),
      exponents_(static_cast<std::size_t>(n_nodes)),
      one_(static_cast<std::size_t>(n_), 1.0),
      target_(points.target, points.target + n_),
      u_(static_cast<std::size_t>(n_ * n_nodes)),
      v_(u_.size()),
      nodes_(exponents_.size() * exponents_.size()),
      weights_(one_.size()),
      weighted_(3 * one_.size()),
      dots_(3 * exponents_.size()) {
  if (kind == ObjectiveKind::huber_log) {
    // Everything over the loss: ln f - ln L = f / L - 1 to first order.
    kernels_->power(n_, 1, target_.data(), one_.data(), one_.data());
    std::fill(target_.begin(), target_.end(), 1.0);
  }
  const double ratio = std::pow(kLastExponent / kFirstExponent, 1.0 / (n_nodes - 1));
  double exponent = kFirstExponent;
  for (std::int64_t i = 0; i < n_nodes; ++i, exponent *= ratio) {
    exponents_[static_cast<std::size_t>(i)] = exponent;
    kernels_->power(n_, exponent, points.x, one_.data(), u_.data() + i * n_);
    kernels_->power(n_, exponent, points.y, one_.data(), v_.data() + i * n_);
  }
}

LinearColumns StartGrid::columns(std::int64_t i, std::int64_t j, const double* weights) const {
  return {.n = n_,
          .one = one_.data(),
          .u = u_.data() + i * n_,
          .v = v_.data() + j * n_,
          .target = target_.data(),
          .weight = weights};
}

void StartGrid::fill(std::span<const double> weights, std::span<const double> solve_weights,
                     double delta) {
  double* const weighted_one = weighted_.data();
  double* const weighted_target = weighted_one + n_;
  double* const weighted_u = weighted_target + n_;
  double* const one_v = dots_.data();
  double* const target_v = one_v + n_nodes_;
  double* const u_v = target_v + n_nodes_;
  kernels_->product(n_, solve_weights.data(), one_.data(), weighted_one);
  kernels_->product(n_, solve_weights.data(), target_.data(), weighted_target);
  kernels_->dots(n_, weighted_one, n_nodes_, v_.data(), one_v);
  kernels_->dots(n_, weighted_target, n_nodes_, v_.data(), target_v);
  double one_one, one_target;
  kernels_->dots(n_, weighted_one, 1, one_.data(), &one_one);
  kernels_->dots(n_, weighted_one, 1, target_.data(), &one_target);
  std::vector<double> v_v(static_cast<std::size_t>(n_nodes_));
  for (std::int64_t j = 0; j < n_nodes_; ++j) {
    const double* v = v_.data() + j * n_;
    kernels_->product(n_, solve_weights.data(), v, weighted_u);
    kernels_->dots(n_, weighted_u, 1, v, &v_v[static_cast<std::size_t>(j)]);
  }
  for (std::int64_t i = 0; i < n_nodes_; ++i) {
    const double* u = u_.data() + i * n_;
    kernels_->product(n_, solve_weights.data(), u, weighted_u);
    double one_u, target_u, u_u;
    kernels_->dots(n_, weighted_u, 1, one_.data(), &one_u);
    kernels_->dots(n_, weighted_u, 1, target_.data(), &target_u);
    kernels_->dots(n_, weighted_u, 1, u, &u_u);
    kernels_->dots(n_, weighted_u, n_nodes_, v_.data(), u_v);
    for (std::int64_t j = 0; j < n_nodes_; ++j) {
      const double gram[6] = {one_one,  one_u,  u_u,
                              one_v[j], u_v[j], v_v[static_cast<std::size_t>(j)]};
      const double moment[3] = {one_target, target_u, target_v[j]};
      const std::array<double, 3> linear = solve_not_negative(gram, moment);
      GridStart& node = nodes_[static_cast<std::size_t>(i * n_nodes_ + j)];
      node.surface = {linear[0], linear[1], linear[2], exponents_[static_cast<std::size_t>(i)],
                      exponents_[static_cast<std::size_t>(j)]};
      node.value = kernels_->linear_value(columns(i, j, weights.data()), delta, linear.data());
    }
  }
}

bool StartGrid::is_local_minimum(std::int64_t i, std::int64_t j) const {
  const double value = nodes_[static_cast<std::size_t>(i * n_nodes_ + j)].value;
  for (std::int64_t k = std::max<std::int64_t>(i - 1, 0); k <= std::min(i + 1, n_nodes_ - 1); ++k) {
    for (std::int64_t l = std::max<std::int64_t>(j - 1, 0); l <= std::min(j + 1, n_nodes_ - 1);
         ++l) {
      const double other = nodes_[static_cast<std::size_t>(k * n_nodes_ + l)].value;
      if (other < value) return false;
    }
  }
  return true;
}

void StartGrid::search(std::span<const double> weights, double delta, int rounds, std::size_t n_max,
                       std::vector<GridStart>& starts) {
  starts.clear();
  std::span<const double> solve_weights = weights;
  for (int round = 0; round <= rounds; ++round) {
    fill(weights, solve_weights, delta);
    std::size_t best = 0;
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      if (nodes_[k].value < nodes_[best].value) best = k;
      const auto i = static_cast<std::int64_t>(k) / n_nodes_;
      const auto j = static_cast<std::int64_t>(k) % n_nodes_;
      if (is_local_minimum(i, j)) starts.push_back(nodes_[k]);
    }
    const auto i = static_cast<std::int64_t>(best) / n_nodes_;
    const auto j = static_cast<std::int64_t>(best) % n_nodes_;
    kernels_->huber_weights(columns(i, j, weights.data()), delta, nodes_[best].surface.data(),
                            weights_.data());
    solve_weights = weights_;
  }
  std::sort(starts.begin(), starts.end(),
            [](const GridStart& a, const GridStart& b) { return a.value < b.value; });
  if (starts.size() > n_max) starts.resize(n_max);
}

}  // namespace isoflop
