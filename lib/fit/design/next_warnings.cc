// SPDX-License-Identifier: Apache-2.0
#include "fit/design/next_warnings.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace isoflop {
namespace {

// arXiv 2603.22339 and hold-outs of public sweeps: one decade is asked of laws in practice, two are
// an extrapolation, beyond that a hold-out should speak.
constexpr double kFar = 10, kVeryFar = 100;
constexpr double kRoundOff = 1 + 1e-6;

void warn_of_distance(double ratio, Words& warnings) {
  if (ratio > kVeryFar * kRoundOff) {
    warnings.push_back("The target is " + rounded_text(ratio, 3) +
                       " times the largest budget: the intervals suppose that the surface holds "
                       "there, which no run says.");
  } else if (ratio > kFar * kRoundOff) {
    warnings.push_back("The target is " + rounded_text(ratio, 3) +
                       " times the largest budget: an extrapolation; hold the largest budgets out "
                       "of a fit to see what it is worth.");
  }
}

void warn_of_shared_trunks(const NextRuns& next, std::span<const CandidateRun> candidates,
                           Words& warnings) {
  std::set<std::string> seen;
  std::size_t n_shared = 0;
  for (const ChosenRun& run : next.runs) {
    const std::string& trunk = candidates[run.candidate].trunk;
    if (!trunk.empty() && !seen.insert(trunk).second) ++n_shared;
  }
  if (n_shared == 0) return;
  warnings.push_back(
      std::to_string(n_shared) + " of the " + std::to_string(next.runs.size()) +
      " runs are branches of another one's trunk. They share seed and data order and "
      "are not independent; the predicted intervals count them as if they were.");
}

}  // namespace

void warn_of_missing_side(double budget, bool below, std::size_t n_missing, std::size_t n_chosen,
                          Words& warnings) {
  const std::string side = below ? "smaller" : "larger";
  std::string text = at_budget(budget) + "the minimum is not bracketed; it needs " +
                     std::to_string(n_missing) + " more " + side + " sizes, ";
  if (n_chosen == n_missing) {
    text += "which come first.";
  } else {
    text += "of which candidates and FLOPs allow " + std::to_string(n_chosen) + ".";
  }
  warnings.push_back(text);
}

void warn_of_next(const NextRuns& next, double largest_budget,
                  std::span<const CandidateRun> candidates, Words& warnings) {
  if (next.tau_estimated < next.tau) {
    warnings.push_back("The scatter of the ln of optimal sizes between these budgets, " +
                       rounded_text(next.tau_estimated, 2) + ", is below the floor of " +
                       rounded_text(next.tau, 2) +
                       ", which stands in for it: with less, all money would go to cheap runs.");
  }
  warn_of_distance(next.target_compute / largest_budget, warnings);
  warn_of_shared_trunks(next, candidates, warnings);
  if (!next.flops_to_halve_scale) {
    warnings.emplace_back(
        "All candidates together do not halve the interval of the optimal size: it takes larger "
        "budgets.");
  }
  if (next.n_bootstrap_failed > 0) {
    warnings.push_back(std::to_string(next.n_bootstrap_failed) + " of " +
                       std::to_string(next.n_bootstrap) +
                       " resamples gave no surface with an optimum and were left out.");
  }
}

}  // namespace isoflop
