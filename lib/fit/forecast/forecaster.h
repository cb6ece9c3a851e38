// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "fit/forecast/loss_posterior.h"
#include "fit/forecast/size_posterior.h"
#include "isoflop/surface.h"
#include "isoflop/valley.h"

namespace isoflop {

/// ln N* and ln L* of the optimum that a further budget will show; absent what cannot be said.
struct Predictive {
  std::optional<NormalMixture> scale, loss;
};

/// The laws through the minima, read with the prior.
class MinimaForecaster {
 public:
  /// `correlation` of the valleys' errors, by usable valley, as TrunkNoise has it.
  MinimaForecaster(std::span<const BudgetGroup> curves, std::span<const Valley> valleys,
                   const std::optional<TrunkNoise>& trunk_noise, const ForecastPrior& prior);

  [[nodiscard]] Predictive at(double compute) const;
  /// About the largest compute.
  [[nodiscard]] const std::optional<SizePosterior>& size() const { return size_; }
  [[nodiscard]] const std::optional<LossPosterior>& loss() const { return loss_; }

 private:
  std::vector<LocatedMinimum> minima_;
  Correlation correlation_;
  ForecastPrior prior_;
  double ln_largest_compute_ = 0;
  std::optional<SizePosterior> size_;
  std::optional<LossPosterior> loss_;
};

/// The surface's calibrated intervals, as normal distributions of the logarithms; absent where an
/// end is open.
[[nodiscard]] Predictive surface_predictive(const OptimumForecast& forecast);

/// What `weights.surface` gives to the second; the one that is there where the other is not.
[[nodiscard]] std::optional<NormalMixture> linear_pool(const std::optional<NormalMixture>& minima,
                                                       const std::optional<NormalMixture>& surface,
                                                       double surface_weight);

/// ln of the density at `x`, which is known to `se`.
[[nodiscard]] double ln_density(const NormalMixture& forecast, double x, double se);

}  // namespace isoflop
