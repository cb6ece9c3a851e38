// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "fit/points/curves.h"
#include "isoflop/surface.h"
#include "isoflop/valley.h"

namespace isoflop {

/// ln of the size at which a surface with a, b > 0 is lowest along size * tokens = product
/// (arXiv:2203.15556, eq. 4).
[[nodiscard]] double log_optimal_size(const LossLaw& law, double product);

/// The surface's minimum along each curve's compute and its laws. Errors by the delta method from
/// the covariance of the surface's parameters: for residuals of sd s (by their median, as for a
/// normal distribution) that of an M-estimator, E psi^2 / (E psi')^2 (J' J)^-1 (Huber, Robust
/// Statistics, 1981, sec. 7.6). The laws' errors have beside it what a scatter tau of the budgets'
/// optima does to a law through them. `samples` are those the surface was fitted to.
[[nodiscard]] ValleyEstimator parametric_estimator(std::span<const BudgetGroup> curves,
                                                   std::span<const Sample> samples,
                                                   const ParametricFit& fit, double tau);

}  // namespace isoflop
