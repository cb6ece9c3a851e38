// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <string>

#include "isoflop/fit.h"
#include "support/shared_design.h"
#include "support/sweep_oracle.h"

namespace isoflop::test {

/// One nominal 90 % interval of one sweep.
struct Hit {
  bool covered = false;
  double width = 0;  // of sizes: of their logarithm
};

/// By interval, e.g. "isoflop a" or "surface next 10x". "law": where the law's mean optimum lies;
/// "next": where the optimum of one further budget will lie, with its own shift.
using Hits = std::map<std::string, Hit>;

inline Hit hit(const Interval& interval, double truth) {
  return {interval.low <= truth && truth <= interval.high, interval.high - interval.low};
}

inline Hit hit_log(const Interval& interval, double truth) {
  const double low = std::log(interval.low), high = std::log(interval.high);
  return {low <= std::log(truth) && std::log(truth) <= high, high - low};
}

/// The forecast at 3, 10 and 100 times the largest budget, against what was planted: of the size
/// the optimum of a further budget with its own shift, of the loss the law's ("loss") and the least
/// one that a further curve of the sweep's own design finds ("next loss").
inline void add_forecasts(const SweepOracle& sweep, const Fit& fit, Hits& hits) {
  for (const Target& target : fit.targets) {
    if (!target.scale.interval || !target.loss.interval) continue;
    const std::string at = std::to_string(std::lround(target.ratio)) + "x";
    const double mean = sweep.optimum(target.compute);
    const double luck = Rng(sweep.seed, 77).normal(static_cast<std::uint64_t>(target.ratio));
    const double product = target.compute / sweep.surface.flops_factor();
    hits["forecast law " + at] = hit_log(*target.scale.interval, mean);
    hits["forecast next " + at] =
        hit_log(*target.scale.interval, mean * std::exp(sweep.tau * luck));
    const double loss = sweep.loss(mean, product / mean);
    const double noise = sweep.noise * 1.5 / std::sqrt(sweep.n_sizes);  // of a parabola's vertex
    const double found =
        loss * (1 + noise * Rng(sweep.seed, 78).normal(static_cast<std::uint64_t>(target.ratio)));
    hits["forecast loss " + at] = hit_log(*target.loss.interval, loss);
    hits["forecast next loss " + at] = hit_log(*target.loss.interval, found);
  }
}

/// Of a sweep of any form.
inline Hits cover_forecasts(const SweepOracle& sweep, std::int64_t holdout) {
  const double largest = sweep.budgets.back();
  const FitOptions options{.scale = sweep.surface.scale,
                           .n_bootstrap = 0,
                           .holdout = holdout,
                           .targets = {3 * largest, 10 * largest, 100 * largest}};
  Hits hits;
  add_forecasts(sweep, fit(sweep.points(), options), hits);
  return hits;
}

/// Every interval that the fit of `sweep` prints, against what was planted.
inline Hits cover(const SweepOracle& sweep, std::int64_t n_bootstrap, std::int64_t holdout = 0) {
  FitOptions options;
  options.scale = sweep.surface.scale;
  options.holdout = holdout;
  options.n_bootstrap = n_bootstrap;
  const Fit result = fit(sweep.points(), options);
  Hits hits;
  const auto add_law = [&](const std::string& name, const PowerLawFit& law) {
    for (const double ratio : {10.0, 100.0}) {
      const double compute = ratio * sweep.budgets.back();
      const std::string at = std::to_string(std::lround(ratio)) + "x";
      const double mean = sweep.optimum(compute);
      const double luck = Rng(sweep.seed, 77).normal(static_cast<std::uint64_t>(ratio));
      PowerLawFit certain = law;
      certain.tau = 0;
      hits[name + " law " + at] = hit_log(certain.prediction_interval(compute), mean);
      hits[name + " next " + at] =
          hit_log(law.prediction_interval(compute), mean * std::exp(sweep.tau * luck));
    }
  };
  if (result.scale_opt.usable()) {
    hits["isoflop a"] = hit(result.scale_opt.exponent, sweep.exponent());
    add_law("isoflop", result.scale_opt);
  }
  if (result.surface_intervals) {
    const SurfaceIntervals& surface = *result.surface_intervals;
    hits["surface a"] = hit(surface.a, sweep.exponent());
    hits["surface alpha"] = hit(surface.alpha, sweep.surface.alpha);
    hits["surface beta"] = hit(surface.beta, sweep.surface.beta);
    hits["surface E"] = hit(surface.E, sweep.surface.irreducible);
    hits["surface A"] = hit_log(surface.A, sweep.surface.a);
    hits["surface B"] = hit_log(surface.B, sweep.surface.b);
    for (const OptimumForecast& forecast : surface.forecasts) {
      const std::string at = std::to_string(std::lround(forecast.ratio)) + "x";
      const double mean = sweep.optimum(forecast.compute);
      const double luck = Rng(sweep.seed, 77).normal(static_cast<std::uint64_t>(forecast.ratio));
      hits["surface law " + at] = hit_log(forecast.law, mean);
      hits["surface loss " + at] =
          hit_log(forecast.loss, optimum_of(sweep.surface, forecast.compute).loss);
      hits["surface next " + at] = hit_log(forecast.next, mean * std::exp(sweep.tau * luck));
    }
  }
  add_forecasts(sweep, result, hits);
  if (result.parametric && result.parametric->usable() && n_bootstrap > 0) {
    hits["bootstrap a"] = hit(result.parametric->a, sweep.exponent());
    hits["bootstrap alpha"] = hit(result.parametric->alpha, sweep.surface.alpha);
    hits["bootstrap beta"] = hit(result.parametric->beta, sweep.surface.beta);
  }
  return hits;
}

/// The same of runs that are no sweep: what the surface says of its parameters and of the optimum
/// at 10 times the largest compute.
inline Hits cover_shared(const SharedDesign& design, std::uint64_t seed, std::int64_t n_bootstrap) {
  const LossLaw truth = shared_truth(design, seed);
  FitOptions options;
  options.scale = LossLaw::Scale::params;
  options.holdout = 0;
  options.n_bootstrap = n_bootstrap;
  const Fit result = fit(shared_points(design, seed), options);
  Hits hits;
  if (!result.surface_intervals) return hits;
  const SurfaceIntervals& surface = *result.surface_intervals;
  hits["E"] = hit(surface.E, truth.irreducible);
  hits["A"] = hit_log(surface.A, truth.a);
  hits["B"] = hit_log(surface.B, truth.b);
  hits["alpha"] = hit(surface.alpha, truth.alpha);
  hits["beta"] = hit(surface.beta, truth.beta);
  hits["a"] = hit(surface.a, truth.beta / (truth.alpha + truth.beta));
  const OptimumForecast& forecast = surface.forecasts.front();
  const Optimum best = optimum_of(truth, forecast.compute);
  hits["N* 10x"] = hit_log(forecast.law, best.size);
  hits["L* 10x"] = hit_log(forecast.loss, best.loss);
  return hits;
}

}  // namespace isoflop::test
