// SPDX-License-Identifier: Apache-2.0
#include "fit/forecast/located_minima.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace isoflop {
namespace {

constexpr double kShareOfBracket = 0.1;
constexpr double kBestRunError = 0.003;  // of ln loss: a run's noise, and how far above the minimum

struct Bracket {
  double low = 0, best = 0, high = 0;  // ln scale
  double low_loss = 0, best_loss = 0, high_loss = 0;
};

std::optional<Bracket> bracket_of(std::span<const Sample> samples) {
  const std::size_t best = best_index(samples);
  if (best == 0 || best + 1 == samples.size()) return std::nullopt;
  const Sample &lower = samples[best - 1], &middle = samples[best], &upper = samples[best + 1];
  return Bracket{std::log(lower.scale), std::log(middle.scale), std::log(upper.scale),
                 lower.metric,          middle.metric,          upper.metric};
}

/// Of the parabola through the three runs; the best one where two of them are equal.
double vertex_of(const Bracket& runs) {
  const double left = (runs.low_loss - runs.best_loss) / (runs.best - runs.low);
  const double right = (runs.high_loss - runs.best_loss) / (runs.high - runs.best);
  const double curvature = (left + right) / (runs.high - runs.low);
  if (!(curvature > 0)) return runs.best;
  const double slope = right - curvature * (runs.high - runs.best);  // at the best run
  return std::clamp(runs.best - slope / (2 * curvature), runs.low, runs.high);
}

LocatedMinimum of_valley(const Valley& valley) {
  return {.ln_compute = std::log(valley.compute),
          .ln_scale = std::log(valley.scale_opt) - valley.predicted_bias,
          .ln_scale_se = valley.ln_scale_se,
          .ln_loss = std::log(valley.loss_opt),
          .ln_loss_se = valley.loss_se / valley.loss_opt};
}

LocatedMinimum of_bracket(const Valley& valley, const Bracket& runs) {
  const double vertex = valley.scale_opt > 0 ? std::log(valley.scale_opt) : runs.low;
  const bool within = runs.low < vertex && vertex < runs.high;
  return {.ln_compute = std::log(valley.compute),
          .ln_scale = within ? vertex : vertex_of(runs),
          .ln_scale_se = kShareOfBracket * (runs.high - runs.low),
          .ln_loss = std::log(runs.best_loss),
          .ln_loss_se = kBestRunError};
}

}  // namespace

std::vector<LocatedMinimum> located_minima(std::span<const BudgetGroup> curves,
                                           std::span<const Valley> valleys) {
  std::vector<LocatedMinimum> minima;
  for (std::size_t i = 0; i < valleys.size(); ++i) {
    std::optional<LocatedMinimum> found;
    if (valleys[i].usable()) {
      found = of_valley(valleys[i]);
    } else if (const std::optional<Bracket> runs = bracket_of(curves[i].samples)) {
      found = of_bracket(valleys[i], *runs);
    }
    if (!found) continue;
    found->curve = i;
    minima.push_back(*found);
  }
  return minima;
}

}  // namespace isoflop
