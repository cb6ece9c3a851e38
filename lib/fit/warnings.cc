// SPDX-License-Identifier: Apache-2.0
#include "fit/warnings.h"

#include <cmath>

#include "base/text.h"

namespace isoflop {

std::string percent_text(double ratio) {
  const double percent = 100 * ratio;
  const bool whole = std::abs(percent) >= 99.5;  // two digits would make it 1e+02
  return (whole ? rounded_text(std::round(percent), 6) : rounded_text(percent, 2)) + " %";
}
std::string at_budget(double budget) { return "budget " + rounded_text(budget, 3) + ": "; }

std::vector<std::string> collect_warnings(const Fit& fit, std::span<const BudgetGroup> curves,
                                          const PointSet& points) {
  Words warnings;
  warn_of_valleys(fit, curves, warnings);
  warn_of_allocation(fit, warnings);
  warn_of_envelope(fit, warnings);
  warn_of_surface(fit, warnings);
  warn_of_forms(fit, warnings);
  warn_of_hyper(fit, warnings);
  warn_of_mistuning(fit, warnings);
  warn_of_conventions(fit, warnings);
  warn_of_holdout(fit, warnings);
  warn_of_targets(fit, warnings);
  warn_of_second_stage(fit, warnings);
  warn_of_sample_size(fit, warnings);
  warn_of_evaluation(points, fit.sample_size.run_noise, warnings);
  warn_of_health(points, warnings);
  return warnings;
}

}  // namespace isoflop
