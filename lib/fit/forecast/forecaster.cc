// SPDX-License-Identifier: Apache-2.0
#include "fit/forecast/forecaster.h"

#include <algorithm>
#include <cmath>

#include "stats/statistics.h"

namespace isoflop {
namespace {

/// Of the located minima: what the usable valleys' errors have in common; the others' have nothing.
Correlation correlation_of(std::span<const LocatedMinimum> minima, std::span<const Valley> valleys,
                           const std::optional<TrunkNoise>& trunk_noise) {
  if (!trunk_noise) return {};
  std::vector<std::size_t> row_of(valleys.size());  // among the usable valleys
  std::size_t n_usable = 0;
  for (std::size_t i = 0; i < valleys.size(); ++i) {
    row_of[i] = n_usable;
    if (valleys[i].usable()) ++n_usable;
  }
  Correlation correlation;
  for (const LocatedMinimum& a : minima) {
    for (const LocatedMinimum& b : minima) {
      const bool both = valleys[a.curve].usable() && valleys[b.curve].usable();
      const double of_both =
          both ? trunk_noise->correlation[row_of[a.curve] * n_usable + row_of[b.curve]] : 0;
      correlation.push_back(a.curve == b.curve ? 1 : of_both);
    }
  }
  return correlation;
}

double ln_largest_compute(std::span<const BudgetGroup> curves) {
  double largest = 0;
  for (const BudgetGroup& curve : curves) largest = std::max(largest, curve.compute);
  return std::log(largest);
}

constexpr double kNearlyOpen = 1e4;  // high / low: such an end says as little as an open one

/// With the interval's ends as its 5 and 95 % quantiles.
std::optional<NormalMixture> normal_of(const Interval& interval) {
  const bool is_told = interval.low > 0 && interval.high > interval.low &&
                       interval.high < kNearlyOpen * interval.low;
  if (!is_told) return std::nullopt;
  const double low = std::log(interval.low), high = std::log(interval.high);
  return NormalMixture({{.mean = 0.5 * (low + high), .sd = (high - low) / (2 * kNormal90)}});
}

void add_parts(const NormalMixture& mixture, double weight, std::vector<NormalPart>& parts) {
  for (NormalPart part : mixture.parts()) {
    part.ln_weight += std::log(weight);
    parts.push_back(part);
  }
}

}  // namespace

MinimaForecaster::MinimaForecaster(std::span<const BudgetGroup> curves,
                                   std::span<const Valley> valleys,
                                   const std::optional<TrunkNoise>& trunk_noise,
                                   const ForecastPrior& prior)
    : minima_(located_minima(curves, valleys)),
      correlation_(correlation_of(minima_, valleys, trunk_noise)),
      prior_(prior),
      ln_largest_compute_(ln_largest_compute(curves)) {
  if (SizePosterior::can_be_had(minima_, prior)) {
    size_.emplace(minima_, correlation_, prior, ln_largest_compute_);
  }
  if (LossPosterior::can_be_had(minima_, prior)) {
    loss_.emplace(minima_, prior, ln_largest_compute_);
  }
}

Predictive MinimaForecaster::at(double compute) const {
  Predictive predictive;
  const double ln_compute = std::log(compute);
  if (size_) {
    predictive.scale =
        ln_compute >= ln_largest_compute_
            ? size_->at(ln_compute)
            : SizePosterior(minima_, correlation_, prior_, ln_compute).at(ln_compute);
  }
  if (loss_) predictive.loss = loss_->at(ln_compute);
  return predictive;
}

Predictive surface_predictive(const OptimumForecast& forecast) {
  return {.scale = normal_of(forecast.next), .loss = normal_of(forecast.loss)};
}

std::optional<NormalMixture> linear_pool(const std::optional<NormalMixture>& minima,
                                         const std::optional<NormalMixture>& surface,
                                         double surface_weight) {
  if (!minima || !surface || !(surface_weight > 0)) return minima ? minima : surface;
  if (!(surface_weight < 1)) return surface;
  std::vector<NormalPart> parts;
  add_parts(*minima, 1 - surface_weight, parts);
  add_parts(*surface, surface_weight, parts);
  return NormalMixture(std::move(parts));
}

double ln_density(const NormalMixture& forecast, double x, double se) {
  std::vector<NormalPart> parts = forecast.parts();
  for (NormalPart& part : parts) part.sd = std::hypot(part.sd, se);
  return std::log(NormalMixture(std::move(parts)).density(x));
}

}  // namespace isoflop
