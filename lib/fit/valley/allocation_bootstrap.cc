// SPDX-License-Identifier: Apache-2.0
// The levels that are drawn stand at AllocationBootstrap. Runs drawn within their budget show the
// noise but not the scatter between budgets: hence the factor e^(tau z) on each N*, and its inverse
// on D*. Every resample goes through windows, parabolas, pooled noise and regression anew, but its
// minima keep their bias and its regression takes their errors as independent: where the fit's law
// is corrected, these percentiles belong beside scale_opt_uncorrected.
#include "fit/valley/allocation_bootstrap.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "fit/estimate/power_law_fit.h"
#include "fit/valley/parabola.h"
#include "stats/resampling.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

/// A run of the curves.
struct Place {
  std::size_t curve, sample;
};

/// What a resample is drawn from.
struct Sweep {
  std::span<const BudgetGroup> curves;
  std::vector<Place> places = {};  // by run
  Strata strata = {};
  bool by_trunk = false;
};

Sweep sweep_of(std::span<const BudgetGroup> curves) {
  Sweep sweep{.curves = curves};
  std::vector<std::string> trunks;
  std::vector<std::int64_t> stratum;
  for (std::size_t c = 0; c < curves.size(); ++c) {
    for (std::size_t s = 0; s < curves[c].samples.size(); ++s) {
      sweep.places.push_back({c, s});
      trunks.push_back(curves[c].samples[s].trunk);
      stratum.push_back(static_cast<std::int64_t>(c));
      sweep.by_trunk = sweep.by_trunk || !trunks.back().empty();
    }
  }
  sweep.strata = strata_of(trunks, stratum);
  return sweep;
}

std::vector<BudgetGroup> resample(const Sweep& sweep, Draws& draws) {
  std::vector<BudgetGroup> result(sweep.curves.begin(), sweep.curves.end());
  for (BudgetGroup& curve : result) curve.samples.clear();
  draw_runs(sweep.strata, draws, [&](std::size_t run) {
    const auto& [curve, index] = sweep.places[run];
    Sample sample = sweep.curves[curve].samples[index];
    if (sample.by_seed.size() > 1) sample.metric = draws.mean_of(sample.by_seed);
    result[curve].samples.push_back(std::move(sample));
  });
  for (BudgetGroup& curve : result) {
    std::stable_sort(curve.samples.begin(), curve.samples.end(),
                     [](const Sample& a, const Sample& b) { return a.scale < b.scale; });
  }
  return result;
}

bool has_a_curve(const BudgetGroup& group) {
  std::size_t n_scales = group.samples.empty() ? 0 : 1;
  for (std::size_t i = 1; i < group.samples.size(); ++i) {
    if (group.samples[i].scale != group.samples[i - 1].scale) ++n_scales;
  }
  return n_scales >= 3;
}

/// Exponents of scale and tokens, if the curves support a law.
std::optional<std::pair<double, double>> exponents_of(std::span<const BudgetGroup> curves,
                                                      double tau, Draws& draws) {
  std::vector<Valley> valleys;
  for (const BudgetGroup& curve : curves) {
    if (has_a_curve(curve)) valleys.push_back(fit_valley(curve));
  }
  pool_noise(valleys);
  std::vector<PowerLawPoint> scale, tokens;
  for (const Valley& valley : valleys) {
    if (!valley.usable()) continue;
    const double shift = std::exp(tau * draws.normal());
    scale.push_back({valley.compute, valley.scale_opt * shift, valley.ln_scale_se});
    tokens.push_back({valley.compute, valley.tokens_opt / shift, valley.ln_scale_se});
  }
  const PowerLawFit scale_fit = fit_power_law(scale);
  const PowerLawFit tokens_fit = fit_power_law(tokens);
  if (!scale_fit.usable() || !tokens_fit.usable()) return std::nullopt;
  return std::pair(scale_fit.law.exponent, tokens_fit.law.exponent);
}

}  // namespace

std::optional<AllocationBootstrap> bootstrap_allocation(std::span<const BudgetGroup> curves,
                                                        const AllocationResampling& options) {
  const Sweep sweep = sweep_of(curves);
  std::vector<double> scale, tokens;
  for (std::int64_t i = 0; i < options.n_resamples; ++i) {
    Draws draws(options.seed, static_cast<std::uint64_t>(i), 1);
    const auto exponents = exponents_of(resample(sweep, draws), options.tau, draws);
    if (!exponents) continue;
    scale.push_back(exponents->first);
    tokens.push_back(exponents->second);
  }
  const auto n_good = static_cast<std::int64_t>(scale.size());
  if (n_good < 2 || 2 * n_good < options.n_resamples) return std::nullopt;
  return AllocationBootstrap{.scale_exponent = percentile_interval(scale),
                             .tokens_exponent = percentile_interval(tokens),
                             .n_resamples = options.n_resamples,
                             .n_failed = options.n_resamples - n_good,
                             .by_trunk = sweep.by_trunk};
}

}  // namespace isoflop
