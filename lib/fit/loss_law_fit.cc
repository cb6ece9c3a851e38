// SPDX-License-Identifier: Apache-2.0
#include "fit/loss_law_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/rng.h"
#include "fit/newton.h"
#include "fit/statistics.h"

namespace isoflop {
namespace {

constexpr std::array<double, 8> kStartExponents = {0.05, 0.12, 0.22, 0.35, 0.55, 0.85, 1.3, 2.0};
constexpr double kSameOptimum = 1e-8;  // relative, of the objective
constexpr std::size_t kMaxBasins = 3;  // tried again in every resample

/// The distinct optima that a set of starts ends in, best first.
struct Search {
  std::vector<NewtonResult> basins;
  std::int64_t n_starts = 0, n_agreeing = 0;
};

Search search(const LossObjective& objective) {
  Search found;
  std::vector<NewtonResult> ends;
  for (const double alpha : kStartExponents) {
    for (const double beta : kStartExponents) {
      const SurfaceVector start = objective.linear_start(alpha, beta);
      ends.push_back(minimize_by_continuation(objective, start));
      // Huber's function has optima that the continuation passes by.
      if (objective.is_huber()) ends.push_back(minimize(objective, start));
    }
  }
  std::stable_sort(ends.begin(), ends.end(),
                   [](const auto& a, const auto& b) { return a.value < b.value; });
  found.n_starts = static_cast<std::int64_t>(ends.size());
  for (const NewtonResult& end : ends) {
    const double gap = kSameOptimum * end.value + objective.rounding_floor();
    if (end.value - ends.front().value <= gap) ++found.n_agreeing;
    if (found.basins.empty() || end.value - found.basins.back().value > gap) {
      if (found.basins.size() < kMaxBasins) found.basins.push_back(end);
    }
  }
  return found;
}

std::vector<std::string> bounds_hit(const SurfaceVector& s) {
  static constexpr std::array kNames = {"E", "A", "B", "alpha", "beta"};
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    const bool low = s[i] <= (i < 3 ? 0 : kMinExponent);
    if (low || (i >= 3 && s[i] >= kMaxExponent))
      names.emplace_back(kNames[static_cast<std::size_t>(i)]);
  }
  return names;
}

std::size_t n_distinct(std::span<const LossSample> samples, double LossSample::*member) {
  std::vector<double> values;
  for (const LossSample& sample : samples) values.push_back(sample.*member);
  std::sort(values.begin(), values.end());
  const auto same = [](double a, double b) { return b <= a * (1 + 1e-9); };
  return static_cast<std::size_t>(std::unique(values.begin(), values.end(), same) - values.begin());
}

/// Units by stratum, units by their points: what a resample draws from.
using Units = std::vector<std::vector<std::size_t>>;
std::vector<Units> strata_of(std::size_t n_points, const LossFitOptions& options) {
  std::map<std::int64_t, std::map<std::int64_t, std::vector<std::size_t>>> groups;
  for (std::size_t i = 0; i < n_points; ++i) {
    const std::int64_t stratum = options.stratum.empty() ? 0 : options.stratum[i];
    const std::int64_t unit = options.unit.empty() ? static_cast<std::int64_t>(i) : options.unit[i];
    groups[stratum][unit].push_back(i);
  }
  std::vector<Units> strata;
  for (const auto& [stratum, units] : groups) {
    strata.emplace_back();
    for (const auto& [unit, points] : units) strata.back().push_back(points);
  }
  return strata;
}

std::vector<double> resample_weights(std::size_t n_points, const std::vector<Units>& strata,
                                     const Rng& rng) {
  std::vector<double> weights(n_points, 0.0);
  std::uint64_t draw = 0;
  for (const Units& units : strata) {
    for (std::size_t i = 0; i < units.size(); ++i) {
      for (const std::size_t point : units[rng.below(units.size(), draw++)]) weights[point] += 1;
    }
  }
  return weights;
}

/// The same names as in the answer, in the order of the columns of a bootstrap.
constexpr std::array kNames = {"E", "A", "B", "alpha", "beta", "a", "b"};
std::array<double, 7> named_values(const LossLaw& law) {
  const double sum = law.alpha + law.beta;
  return {law.irreducible, law.a, law.b, law.alpha, law.beta, law.beta / sum, law.alpha / sum};
}

// The best of a warm start in every known basin and a cold one from the resample's own least
// squares.
NewtonResult refit(const LossObjective& objective, const std::vector<NewtonResult>& basins) {
  NewtonResult best{.surface = {}, .value = std::numeric_limits<double>::infinity()};
  const auto consider = [&](const NewtonResult& candidate) {
    if (candidate.value < best.value) best = candidate;
  };
  for (const NewtonResult& basin : basins) consider(minimize(objective, basin.surface));
  const SurfaceVector& first = basins.front().surface;
  consider(minimize_by_continuation(objective, objective.linear_start(first[3], first[4])));
  return best;
}

void bootstrap(ParametricFit& fit, const LossObjective& objective, const Search& found,
               const LossFitOptions& options) {
  const std::vector<Units> strata = strata_of(objective.size(), options);
  std::array<std::vector<double>, 7> columns;
  for (std::int64_t i = 0; i < options.n_bootstrap; ++i) {
    const Rng rng(options.seed, static_cast<std::uint64_t>(i));
    const NewtonResult end = refit(
        objective.with_weights(resample_weights(objective.size(), strata, rng)), found.basins);
    if (!end.converged) {
      ++fit.n_bootstrap_failed;
      continue;
    }
    fit.draws.push_back(objective.to_law(end.surface, options.scale));
    const auto values = named_values(fit.draws.back());
    for (std::size_t j = 0; j < columns.size(); ++j) columns[j].push_back(values[j]);
  }
  fit.n_bootstrap = options.n_bootstrap;
  if (columns[0].size() < 2) return;
  const std::array intervals = {&fit.E, &fit.A, &fit.B, &fit.alpha, &fit.beta, &fit.a, &fit.b};
  for (std::size_t j = 0; j < columns.size(); ++j) {
    *intervals[j] = percentile_interval(columns[j]);
    fit.standard_errors[kNames[j]] = standard_deviation(columns[j]);
  }
}

}  // namespace

ParametricFit fit_loss_law(std::span<const LossSample> samples, const LossFitOptions& options) {
  ParametricFit fit;
  fit.objective = options.objective;
  fit.delta = options.delta;
  fit.law.scale = options.scale;
  if (samples.size() < kMinSurfacePoints || n_distinct(samples, &LossSample::size) < 3 ||
      n_distinct(samples, &LossSample::tokens) < 3) {
    return fit;
  }
  const LossObjective objective(samples, options.objective, options.delta);
  const Search found = search(objective);
  const NewtonResult& best = found.basins.front();
  fit.law = objective.to_law(best.surface, options.scale);
  fit.a_exponent = fit.law.beta / (fit.law.alpha + fit.law.beta);
  fit.b_exponent = fit.law.alpha / (fit.law.alpha + fit.law.beta);
  fit.objective_value = best.value;
  fit.at_bound = bounds_hit(best.surface);
  fit.n_starts = found.n_starts;
  fit.n_starts_agreeing = found.n_agreeing;
  fit.status = best.converged ? FitStatus::ok : FitStatus::not_converged;
  if (fit.usable() && options.n_bootstrap > 0) bootstrap(fit, objective, found, options);
  return fit;
}

}  // namespace isoflop
