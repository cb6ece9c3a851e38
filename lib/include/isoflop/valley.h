// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

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
  std::int64_t n_points = 0;  // sizes at this budget
  std::int64_t n_fitted = 0;  // of them, those the parabola was fitted to
  Interval fitted_scale;      // their range; the whole of it, no confidence
  bool bracketed = false;     // >= 2 points on each side of the minimum, the best not at an edge
  FitStatus status = FitStatus::too_few_points;
  double coefficients[3] = {0, 0, 0};  // loss = c0 + c1 x + c2 x^2, x = ln scale
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

}  // namespace isoflop
