// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"

namespace isoflop {

/// Indices of runs that are drawn together.
using RunUnit = std::vector<std::size_t>;
/// Units are exchangeable within their stratum.
using Strata = std::vector<std::vector<RunUnit>>;

/// Runs of one trunk are one unit, runs without one (an empty name) their own; ordered by first
/// run.
[[nodiscard]] std::vector<RunUnit> trunk_units(std::span<const std::string> trunks);

/// Trunks cut across the budgets: where there are any, their units make one stratum. Otherwise
/// every run is a unit of the stratum that `stratum` says; strata ascending.
[[nodiscard]] Strata strata_of(std::span<const std::string> trunks,
                               std::span<const std::int64_t> stratum);

/// The random numbers of one resample, a function of the seed and its index alone, in the order in
/// which they are asked for, from number `first` on.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t resample, std::uint64_t first = 0)
      : rng_(seed, resample), next_(first) {}

  [[nodiscard]] std::size_t below(std::size_t n) { return rng_.below(n, next_++); }
  /// Of a stream of their own.
  [[nodiscard]] double normal() { return Rng(rng_.bits(0)).normal(next_++); }
  /// The mean of as many as there are, drawn with replacement.
  [[nodiscard]] double mean_of(std::span<const double> values) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += values[below(values.size())];
    return sum / static_cast<double>(values.size());
  }

 private:
  Rng rng_;
  std::uint64_t next_;
};

/// Draws as many units as a stratum has, of each stratum, and visits their runs.
template <class Visit>
void draw_runs(const Strata& strata, Draws& draws, const Visit& visit) {
  for (const std::vector<RunUnit>& units : strata) {
    for (std::size_t i = 0; i < units.size(); ++i) {
      for (const std::size_t run : units[draws.below(units.size())]) visit(run);
    }
  }
}

}  // namespace isoflop
