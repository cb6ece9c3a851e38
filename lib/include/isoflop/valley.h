// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "isoflop/estimate.h"

namespace isoflop {

/// The minimum of one iso-FLOP curve: parabola of the metric against ln(scale) around its lowest
/// point (arXiv:2203.15556, approach 2).
struct Valley {
  double budget = 0;     // nominal [FLOPs]
  double compute = 0;    // geometric mean of the realised computes
  double scale_opt = 0;  // params or FLOPs/token
  double tokens_opt = 0;
  double loss_opt = 0;        // by the metric
  double curvature = 0;       // d^2 loss / d(ln scale)^2
  double ln_scale_se = 0;     // standard error of ln scale_opt
  double loss_se = 0;         // standard error of loss_opt
  double residual_rms = 0;    // of the metric, over the degrees of freedom
  double predicted_bias = 0;  // of ln scale_opt, where a parametric surface is known
  /// The same by parabola_bias(); absent where no surface is known.
  std::optional<double> closed_form_bias;
  double compute_spread = 1;   // largest / smallest realised compute of the curve
  double best_cell_scale = 0;  // scale of the lowest loss
  std::int64_t n_points = 0;   // sizes at this budget
  std::int64_t n_fitted = 0;   // of them, those the parabola was fitted to
  Interval fitted_scale;       // their range; the whole of it, no confidence
  /// Two points or more on each side of the minimum, the best run not at an edge, the minimum among
  /// the sizes that were fitted, and no run 3 residual rms or more below it.
  bool bracketed = false;
  FitStatus status = FitStatus::too_few_points;
  double coefficients[3] = {0, 0, 0};  // loss = c0 + c1 x + c2 x^2, x = ln scale
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
  /// ln(scale_opt / best_cell_scale): far from 0, a parabola does not describe the curve.
  [[nodiscard]] double best_cell_distance() const;
  /// curvature / loss_opt: a size off by a factor e^x costs x^2 / 2 times that share of the loss.
  [[nodiscard]] double relative_curvature() const { return curvature / loss_opt; }
};

/// What runs of one trunk at several budgets have in common, and what that makes of the minima.
struct TrunkNoise {
  double share = 0;           // of the variance of a run's loss, common to the runs of its trunk
  std::int64_t n_trunks = 0;  // that enter the minima of two budgets or more
  /// Of the errors of ln scale_opt of the usable valleys, by row.
  std::vector<double> correlation;
};

/// Where a parabola through noise-free losses of L = E + A/N^alpha + B/D^beta at one compute puts
/// the optimum: ln(N_fit / N_opt), to third order in h = ln half_width and x0 = ln centre_ratio,
/// for n equally spaced sizes from centre / half_width to centre * half_width, with centre =
/// centre_ratio * N_opt:
///   g (x0^2/2 - r4/6) + q x0 (x0^2/3 + r6/12 - r4/6),
///   g = beta - alpha, q = alpha^2 - alpha beta + beta^2,
/// r4 and r6 the moments of the sizes, 3 h^2/5 and 6 h^2/7 for many of them. The effect:
/// arXiv:2603.22339; the form: ours. Throws Error(invalid_argument) unless n >= 3, half_width > 1
/// and centre_ratio > 0.
struct GridShape {
  double half_width = 4, centre_ratio = 1;
  std::int64_t n_sizes = 9;
};
[[nodiscard]] double parabola_bias(double alpha, double beta, const GridShape& grid);

/// parabola: as Valley. cubic: least squares over the same sizes. akima: noise added to ln loss,
/// interpolated, minimised, many times (arXiv:2406.19146). parametric: the fitted surface's
/// minimum along the curve's compute.
enum class ValleyMethod { parabola, cubic, akima, parametric };
[[nodiscard]] std::string_view to_string(ValleyMethod);

/// The minimum of one curve by one method. The curve's budget and compute are those of the Valley
/// of the same index.
struct ValleyEstimate {
  double budget = 0, compute = 0;
  double scale_opt = 0, tokens_opt = 0, loss_opt = 0;
  double ln_scale_se = 0, loss_se = 0;
  double edge_share = 0;  // akima: share of the draws whose minimum is at an end, left out
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

/// One method at all budgets and the laws through its minima. The parametric laws are the
/// surface's own; their intervals are the surface's error and the scatter tau of the parabolas.
struct ValleyEstimator {
  ValleyMethod method = ValleyMethod::parabola;
  std::vector<ValleyEstimate> valleys = {};  // one per curve, usable or not
  PowerLawFit scale_opt = {}, tokens_opt = {};
};

/// How far apart the estimators' optimal scales are.
struct EstimatorDisagreement {
  double compute = 0;
  double extrapolation = 1;  // compute / the largest budget, where the laws are asked; 1 at a curve
  double largest_ln_ratio = 0;
  std::int64_t n_estimators = 0;
};

/// Percentiles of the allocation's exponents over resampled sweeps, beside the intervals of Hartung
/// and Knapp. Levels (arXiv:2202.06387 resamples scales, then seeds): every budget is shifted by
/// the scatter tau found between budgets; runs are drawn within their budget, or whole trunks where
/// runs share one; seeds are drawn within a cell that was run with several.
struct AllocationBootstrap {
  Interval scale_exponent, tokens_exponent;
  std::int64_t n_resamples = 0;
  std::int64_t n_failed = 0;  // left fewer than 3 budgets with a minimum
  bool by_trunk = false;
};

}  // namespace isoflop
