// SPDX-License-Identifier: Apache-2.0
#include "fit/allocation_bootstrap.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/rng.h"
#include "fit/parabola.h"
#include "fit/power_law_fit.h"
#include "fit/statistics.h"

namespace isoflop {
namespace {

/// Numbers of one resample, in the order in which they are asked for.
class Draws {
 public:
  Draws(std::uint64_t seed, std::int64_t resample)
      : rng_(seed, static_cast<std::uint64_t>(resample)) {}
  std::size_t below(std::size_t n) { return rng_.below(n, next_++); }
  double normal() { return shifts_.normal(next_++); }

 private:
  Rng rng_, shifts_{rng_.bits(0)};
  std::uint64_t next_ = 1;
};

struct Place {
  std::size_t curve, sample;
};
/// Runs that are drawn together.
using Unit = std::vector<Place>;

bool have_trunks(std::span<const BudgetGroup> curves) {
  return std::any_of(curves.begin(), curves.end(), [](const BudgetGroup& curve) {
    return std::any_of(curve.samples.begin(), curve.samples.end(),
                       [](const Sample& sample) { return !sample.trunk.empty(); });
  });
}

// Strata of units: trunks cut across the budgets and make one stratum; single runs are drawn within
// their budget.
std::vector<std::vector<Unit>> strata_of(std::span<const BudgetGroup> curves) {
  const bool trunks = have_trunks(curves);
  std::vector<std::vector<Unit>> strata(trunks ? 1 : curves.size());
  std::map<std::string, std::size_t> unit_of_trunk;
  for (std::size_t c = 0; c < curves.size(); ++c) {
    std::vector<Unit>& units = strata[trunks ? 0 : c];
    for (std::size_t s = 0; s < curves[c].samples.size(); ++s) {
      const std::string& trunk = curves[c].samples[s].trunk;
      const auto [entry, is_new] = unit_of_trunk.try_emplace(trunk, units.size());
      if (is_new || trunk.empty()) {
        units.push_back({{c, s}});
      } else {
        units[entry->second].push_back({c, s});
      }
    }
  }
  return strata;
}

Sample with_seeds_drawn(Sample sample, Draws& draws) {
  const std::size_t n = sample.by_seed.size();
  if (n < 2) return sample;
  sample.metric = 0;
  for (std::size_t i = 0; i < n; ++i) sample.metric += sample.by_seed[draws.below(n)];
  sample.metric /= static_cast<double>(n);
  return sample;
}

std::vector<BudgetGroup> resample(std::span<const BudgetGroup> curves,
                                  const std::vector<std::vector<Unit>>& strata, Draws& draws) {
  std::vector<BudgetGroup> result(curves.begin(), curves.end());
  for (BudgetGroup& curve : result) curve.samples.clear();
  for (const std::vector<Unit>& units : strata) {
    for (std::size_t i = 0; i < units.size(); ++i) {
      for (const auto& [curve, sample] : units[draws.below(units.size())]) {
        result[curve].samples.push_back(with_seeds_drawn(curves[curve].samples[sample], draws));
      }
    }
  }
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
  const auto strata = strata_of(curves);
  std::vector<double> scale, tokens;
  for (std::int64_t i = 0; i < options.n_resamples; ++i) {
    Draws draws(options.seed, i);
    const auto exponents = exponents_of(resample(curves, strata, draws), options.tau, draws);
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
                             .by_trunk = have_trunks(curves)};
}

}  // namespace isoflop
