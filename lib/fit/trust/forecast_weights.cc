// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>
#include <vector>

#include "fit/trust/predict_targets.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

double share_of_odds(double ln_odds) { return 1 / (1 + std::exp(-ln_odds)); }

/// The surface's less the posterior's ln densities.
double ln_odds_of_surface(std::span<const HoldoutScore> scores,
                          std::optional<double> HoldoutScore::*density) {
  double ln_odds = 0;
  std::map<std::int64_t, std::vector<double>> by_dropped;
  for (const HoldoutScore& surface : scores) {
    if (surface.method != "parametric" || !(surface.*density)) continue;
    for (const HoldoutScore& minima : scores) {
      const bool is_same = minima.method == "posterior" && minima.dropped == surface.dropped &&
                           minima.compute == surface.compute && minima.*density;
      if (is_same) by_dropped[surface.dropped].push_back(*(surface.*density) - *(minima.*density));
    }
  }
  for (const auto& [dropped, differences] : by_dropped) ln_odds += mean(differences);
  return ln_odds;
}

}  // namespace

ForecastWeights weights_of(std::span<const HoldoutScore> scores, bool believes_surface) {
  if (!believes_surface) return {};
  return {.scale_surface = share_of_odds(ln_odds_of_surface(scores, &HoldoutScore::scale_density)),
          .loss_surface = share_of_odds(ln_odds_of_surface(scores, &HoldoutScore::loss_density))};
}

}  // namespace isoflop
