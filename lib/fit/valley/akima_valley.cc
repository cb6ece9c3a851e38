// SPDX-License-Identifier: Apache-2.0
// arXiv:2406.19146's noise and interpolation; valley_methods.h says what is drawn. The noise of a
// size is that of one run, over the root of its number of seeds if it was read off seeds. Each draw
// is minimised exactly (stats/akima.h). The error of the loss: the sd of the noise-free curve at
// the draws' minima, and the noise of one run, in quadrature.
#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "fit/valley/parabola.h"
#include "fit/valley/valley_methods.h"
#include "stats/akima.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kSpacingShare = 1.0 / 3;  // of the sizes' spacing, arXiv:2406.19146
constexpr double kMostAtEdge = 0.5;

struct LogValley {
  std::vector<double> x, y, sd;
};

LogValley log_valley(const BudgetGroup& curve, const AkimaOptions& options) {
  LogValley result;
  for (const Sample& sample : curve.samples) {
    const double seeds = options.noise_of_seeds ? static_cast<double>(sample.n_seeds) : 1;
    result.x.push_back(std::log(sample.scale));
    result.y.push_back(std::log(sample.metric));
    result.sd.push_back(options.noise / std::sqrt(seeds));
  }
  return result;
}

/// Minima of the noisy curves that are not at an end.
std::vector<double> draw_minima(const LogValley& curve, const Rng& rng, std::int64_t n_draws) {
  std::vector<double> minima;
  const std::size_t n = curve.x.size();
  std::vector<double> noisy(n);
  for (std::uint64_t draw = 0; draw < static_cast<std::uint64_t>(n_draws); ++draw) {
    for (std::size_t i = 0; i < n; ++i) {
      noisy[i] = curve.y[i] + curve.sd[i] * rng.normal(draw * n + i);
    }
    const double minimum = AkimaCurve(curve.x, noisy).argmin();
    if (minimum > curve.x.front() && minimum < curve.x.back()) minima.push_back(minimum);
  }
  return minima;
}

double spacing_at(std::span<const double> x, double place) {
  const auto right = std::upper_bound(x.begin() + 1, x.end() - 1, place);
  return *right - *(right - 1);
}

}  // namespace

ValleyEstimate fit_akima(const BudgetGroup& curve, const Valley& valley,
                         const AkimaOptions& options) {
  ValleyEstimate estimate;
  estimate.budget = valley.budget;
  estimate.compute = valley.compute;
  if (curve.samples.size() < kMinCurvePoints) return estimate;
  const LogValley logs = log_valley(curve, options);
  // The stream is the curve's: its draws are the same whatever other budgets there are.
  const Rng rng(options.seed,
                mix_bits(static_cast<std::uint64_t>(std::llround(1e6 * std::log(curve.budget)))));
  const std::vector<double> minima = draw_minima(logs, rng, options.n_draws);
  const auto n_draws = static_cast<double>(options.n_draws);
  estimate.edge_share = 1 - static_cast<double>(minima.size()) / n_draws;
  if (minima.empty() || estimate.edge_share > kMostAtEdge) {
    estimate.status = FitStatus::not_bracketed;
    return estimate;
  }
  const double place = median(minima);
  const AkimaCurve smooth(logs.x, logs.y);
  std::vector<double> levels;
  levels.reserve(minima.size());
  for (const double minimum : minima) levels.push_back(smooth(minimum));
  estimate.scale_opt = std::exp(place);
  estimate.tokens_opt = tokens_at(curve.samples, place);
  estimate.loss_opt = std::exp(smooth(place));
  estimate.ln_scale_se =
      std::max(standard_deviation(minima), kSpacingShare * spacing_at(logs.x, place));
  estimate.loss_se = estimate.loss_opt * std::hypot(standard_deviation(levels), options.noise);
  estimate.status = FitStatus::ok;
  return estimate;
}

}  // namespace isoflop
