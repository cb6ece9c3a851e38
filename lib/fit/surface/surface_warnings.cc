// SPDX-License-Identifier: Apache-2.0
#include "fit/surface/surface_warnings.h"

#include <cmath>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kNearBasin = 1e-3;  // relative, of the objective
constexpr double kMaxCondition = 1e5;
constexpr std::int64_t kFewDistinct = 5;
constexpr double kLeastTokensRange = 3;
constexpr double kWidthRatio = 2;  // of bootstrap and profile intervals

std::string range_text(const Interval& interval) {
  return "[" + rounded_text(interval.low, 4) + ", " + rounded_text(interval.high, 4) + "]";
}

void warn_of_basins(const ParametricFit& surface, Words& warnings) {
  if (surface.basins.size() < 2) return;
  const SurfaceBasin& best = surface.basins[0];
  const SurfaceBasin& other = surface.basins[1];
  if (other.objective - best.objective > kNearBasin * best.objective) return;
  warnings.push_back(
      "Parametric surface: a second optimum (alpha " + rounded_text(other.law.alpha, 4) +
      ", beta " + rounded_text(other.law.beta, 4) + ", E " +
      rounded_text(other.law.irreducible, 4) + ") is within 0.1 % of the best one" + " (alpha " +
      rounded_text(best.law.alpha, 4) + ", beta " + rounded_text(best.law.beta, 4) + ", E " +
      rounded_text(best.law.irreducible, 4) + ").");
}

void warn_of_profile(const char* name, const ProfileInterval& profile, Words& warnings) {
  if (profile.identified) return;
  warnings.push_back(std::string("Parametric surface: ") + name +
                     " is not identified by these points; 90 % profile interval " +
                     range_text(profile.interval) + "; report the range, not the value.");
}

// A bootstrap that draws too few distinct points, or a profile of a surface that does not hold.
void warn_of_disagreement(const char* name, const Interval& bootstrap,
                          const ProfileInterval& profile, Words& warnings) {
  if (!profile.identified) return;
  const Interval& likely = profile.interval;
  const double ratio = (bootstrap.high - bootstrap.low) / (likely.high - likely.low);
  const bool apart = bootstrap.high < likely.low || likely.high < bootstrap.low;
  if (!apart && ratio <= kWidthRatio && ratio >= 1 / kWidthRatio) return;
  if (range_text(bootstrap) == range_text(likely)) return;  // of exact losses
  warnings.push_back(std::string("Parametric surface: the 90 % intervals of ") + name +
                     " disagree: bootstrap " + range_text(bootstrap) + ", profile likelihood " +
                     range_text(likely) +
                     "; quote the calibrated one, or the wider where there is none.");
}

void warn_of_design(const SurfaceDiagnostics& diagnostics, Words& warnings) {
  if (diagnostics.n_distinct_sizes < kFewDistinct || diagnostics.n_distinct_tokens < kFewDistinct) {
    warnings.push_back("Parametric surface: " + std::to_string(diagnostics.n_distinct_sizes) +
                       " distinct sizes and " + std::to_string(diagnostics.n_distinct_tokens) +
                       " distinct numbers of tokens; fewer than " + std::to_string(kFewDistinct) +
                       " of either hardly show a power law.");
  }
  if (diagnostics.tokens_range < kLeastTokensRange) {
    warnings.push_back(
        "Parametric surface: models of like size (within a factor of 2) differ in tokens by a "
        "factor of " +
        rounded_text(diagnostics.tokens_range, 3) +
        " only (median); the terms in N and D are hard to tell apart.");
  }
}

void warn_of_sensitivity(const SurfaceDiagnostics& diagnostics, Words& warnings) {
  if (diagnostics.objective_sensitivity.empty() || !diagnostics.profile_a.identified) return;
  const Interval& likely = diagnostics.profile_a.interval;
  const DeltaOptimum* low = &diagnostics.objective_sensitivity.front();
  const DeltaOptimum* high = low;
  for (const DeltaOptimum& optimum : diagnostics.objective_sensitivity) {
    if (optimum.a_exponent < low->a_exponent) low = &optimum;
    if (optimum.a_exponent > high->a_exponent) high = &optimum;
  }
  if (high->a_exponent - low->a_exponent <= likely.high - likely.low) return;
  const auto delta_text = [](double delta) {
    return std::isfinite(delta) ? rounded_text(delta, 3) : std::string("infinite");
  };
  warnings.push_back("Parametric surface: the exponent a is " + rounded_text(low->a_exponent, 3) +
                     " for delta " + delta_text(low->delta) + " and " +
                     rounded_text(high->a_exponent, 3) + " for delta " + delta_text(high->delta) +
                     ", further apart than its 90 % profile interval is wide: a few points decide "
                     "it.");
}

void warn_of_diagnostics(const ParametricFit& surface, Words& warnings) {
  const SurfaceDiagnostics& diagnostics = *surface.diagnostics;
  warn_of_profile("E", diagnostics.profile_E, warnings);
  warn_of_profile("a", diagnostics.profile_a, warnings);
  if (!surface.standard_errors.empty()) {
    warn_of_disagreement("E", surface.E, diagnostics.profile_E, warnings);
    warn_of_disagreement("a", surface.a, diagnostics.profile_a, warnings);
  }
  if (diagnostics.condition_number > kMaxCondition) {
    warnings.push_back(
        "Parametric surface: condition number " + rounded_text(diagnostics.condition_number, 3) +
        "; some combination of the parameters is hardly determined: believe losses within "
        "the data, not single parameters.");
  }
  warn_of_design(diagnostics, warnings);
  warn_of_sensitivity(diagnostics, warnings);
}

}  // namespace

void warn_of_surface(const ParametricFit& surface, const PowerLawFit& scale_opt, Words& warnings) {
  if (surface.status == FitStatus::not_converged) {
    warnings.emplace_back(
        "The parametric surface did not converge; its numbers are not an optimum.");
  }
  if (!surface.at_bound.empty()) {
    warnings.push_back("Parametric surface: " + join(surface.at_bound, ", ") +
                       " at the bound; the points do not identify it.");
  }
  if (10 * surface.n_starts_agreeing < surface.n_starts) {
    warnings.push_back("Parametric surface: only " + std::to_string(surface.n_starts_agreeing) +
                       " of " + std::to_string(surface.n_starts) + " starts found the optimum.");
  }
  if (surface.n_bootstrap_failed > 0) {
    warnings.push_back("Parametric surface: " + std::to_string(surface.n_bootstrap_failed) +
                       " of " + std::to_string(surface.n_bootstrap) +
                       " resamples did not converge.");
  }
  warn_of_basins(surface, warnings);
  if (surface.diagnostics) warn_of_diagnostics(surface, warnings);
  if (scale_opt.usable() && surface.usable() &&
      (surface.a_exponent < scale_opt.exponent.low ||
       surface.a_exponent > scale_opt.exponent.high)) {
    warnings.push_back(
        "The estimators disagree: iso-FLOP minima give the size exponent " +
        rounded_text(scale_opt.law.exponent, 3) + ", the surface " +
        rounded_text(surface.a_exponent, 3) +
        ", outside the 90 % interval; report both, and see the hold-out for which to "
        "trust.");
  }
}

}  // namespace isoflop
