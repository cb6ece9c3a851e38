// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "fit/warnings.h"

namespace isoflop {

void warn_of_surface(const Fit& fit, Words& warnings) {
  if (!fit.parametric) return;
  const ParametricFit& surface = *fit.parametric;
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
  if (fit.scale_opt.usable() && surface.usable() &&
      (surface.a_exponent < fit.scale_opt.exponent.low ||
       surface.a_exponent > fit.scale_opt.exponent.high)) {
    warnings.push_back("The estimators disagree: iso-FLOP minima give the size exponent " +
                       rounded_text(fit.scale_opt.law.exponent, 3) + ", the surface " +
                       rounded_text(surface.a_exponent, 3) + ", outside the 90 % interval.");
  }
}

}  // namespace isoflop
