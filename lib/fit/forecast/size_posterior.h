// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/forecast/located_minima.h"
#include "isoflop/forecast_prior.h"
#include "stats/log_line.h"
#include "stats/normal_mixture.h"

namespace isoflop {

/// What minima and a prior say of ln N* = level + a (ln C - ln C_0) + drift + scatter about a
/// compute C_0: the exponent walks at random away from there, so that the line is the tangent of a
/// law that bends, and each budget has its own luck. For each of a grid of scatters and drifts the
/// line by Bayes' rule, the level flat, a normal a priori; the posterior is the mixture over the
/// grid.
class SizePosterior {
 public:
  /// C_0 is the largest compute, or the one that is asked for below it. `correlation` of the errors
  /// of ln_scale, by row of `minima` (empty: none). Needs 2 minima at different computes, or 1
  /// where the prior has an exponent.
  SizePosterior(std::span<const LocatedMinimum> minima, const Correlation& correlation,
                const ForecastPrior& prior, double ln_compute0);

  [[nodiscard]] static bool can_be_had(std::span<const LocatedMinimum> minima,
                                       const ForecastPrior& prior);

  /// ln N* of the optimum that a further budget will show, at C_0 or beyond all minima: the errors
  /// of the line, the drift and the scatter.
  [[nodiscard]] NormalMixture at(double ln_compute) const;
  /// Of the exponent a at C_0.
  [[nodiscard]] NormalMixture exponent() const;

 private:
  /// For one scatter and one drift.
  struct Line {
    double ln_weight = 0, scatter = 0, drift = 0;
    double level = 0, slope = 0;
    double level_variance = 0, covariance = 0, slope_variance = 0;
  };
  double ln_compute0_ = 0;
  std::vector<Line> lines_;
};

}  // namespace isoflop
