// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/forecast/located_minima.h"
#include "isoflop/forecast_prior.h"
#include "stats/log_line.h"
#include "stats/normal_mixture.h"

namespace isoflop {

/// What minima and a prior say of ln N* = level + a (ln C - ln C_max) + scatter: for each of a grid
/// of scatters tau the line by Bayes' rule, the level flat, a normal a priori; the posterior is the
/// mixture over tau.
class SizePosterior {
 public:
  /// `correlation` of the errors of ln_scale, by row of `minima` (empty: none). Needs 2 minima at
  /// different computes, or 1 where the prior has an exponent.
  SizePosterior(std::span<const LocatedMinimum> minima, const Correlation& correlation,
                const ForecastPrior& prior, double ln_largest_compute);

  [[nodiscard]] static bool can_be_had(std::span<const LocatedMinimum> minima,
                                       const ForecastPrior& prior);

  /// ln N* of the optimum that a further budget will show: the line's error and the scatter.
  [[nodiscard]] NormalMixture at(double ln_compute) const;
  /// Of the exponent a.
  [[nodiscard]] NormalMixture exponent() const;

 private:
  /// For one tau.
  struct Line {
    double ln_weight = 0, tau = 0;
    double level = 0, slope = 0;
    double level_variance = 0, covariance = 0, slope_variance = 0;
  };
  double ln_largest_compute_ = 0, ageing_ = 0;
  std::vector<Line> lines_;
};

}  // namespace isoflop
