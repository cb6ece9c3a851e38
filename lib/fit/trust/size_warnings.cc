// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "fit/trust/trust_warnings.h"

namespace isoflop {

void warn_of_sizes(const Fit& fit, Words& warnings) {
  for (const OddSize& odd : fit.odd_sizes) {
    warnings.push_back("Size " + rounded_text(odd.scale, 4) + ": all " +
                       std::to_string(odd.n_runs) + " residuals of runs of this size are " +
                       (odd.median_residual > 0 ? "positive" : "negative") + ", " +
                       percent_text(odd.median_residual) +
                       " in the median, where others scatter by " + percent_text(odd.scatter) +
                       ".");
  }
  if (!fit.surface_intervals || fit.surface_intervals->dependence != Dependence::size) return;
  warnings.push_back("Residuals of runs of one size agree (p = " +
                     rounded_text(fit.surface_intervals->p_of_sizes, 2) +
                     "): steps of one run, or runs that share more than is stated? A column trunk "
                     "or run_id would say; the surface's intervals take each size as one.");
}

}  // namespace isoflop
