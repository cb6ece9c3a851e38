// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "fit/forecast/located_minima.h"
#include "isoflop/forecast_prior.h"
#include "stats/normal_mixture.h"

namespace isoflop {

/// What minima and a prior say of L* = L_max (e + (1 - e) (C / C_max)^-gamma), L_max the loss at
/// the largest budget and e its irreducible share: on a grid of e in [0, 0.95], gamma and the
/// scatter of ln L*, the level by Bayes' rule; half of the
/// belief is in e = 0, a pure power law, the rest flat. The posterior is the mixture over
/// the grid.
class LossPosterior {
 public:
  /// Needs 2 minima at different computes.
  LossPosterior(std::span<const LocatedMinimum> minima, const ForecastPrior& prior,
                double ln_largest_compute);

  [[nodiscard]] static bool can_be_had(std::span<const LocatedMinimum> minima,
                                       const ForecastPrior& prior);

  /// ln L* of a further budget's optimum: the law's error and the scatter.
  [[nodiscard]] NormalMixture at(double ln_compute) const;

 private:
  struct Curve {
    double ln_weight = 0;
    double floor = 0, rate = 0;  // e, gamma
    double ln_level = 0, level_variance = 0;
    double scatter = 0;
  };
  double ln_largest_compute_ = 0, ageing_ = 0;
  std::vector<Curve> curves_;  // those that count
};

}  // namespace isoflop
