// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "fit/warnings.h"

namespace isoflop {
namespace {

// An interval half as wide as noise alone would make it needs four times the runs.
constexpr double kImplausible = 4;
constexpr double kFewIndependent = 0.5;

}  // namespace

void warn_of_sample_size(const Fit& fit, Words& warnings) {
  const SampleSize& size = fit.sample_size;
  const auto n_runs = static_cast<double>(size.n_runs);
  for (const IntervalWorth& worth : size.intervals) {
    if (worth.runs_needed < kImplausible * n_runs) continue;
    warnings.push_back("The interval of " + worth.of + " is narrower than the noise allows: it " +
                       "would need about " + rounded_text(worth.runs_needed, 2) +
                       " runs, there are " + std::to_string(size.n_runs) + ".");
  }
  if (size.effective < kFewIndependent * n_runs) {
    warnings.push_back(std::to_string(size.n_runs) + " runs share " +
                       std::to_string(size.n_independent) +
                       " trunks and are worth about as many as " + rounded_text(size.effective, 3) +
                       " independent ones.");
  }
}

}  // namespace isoflop
