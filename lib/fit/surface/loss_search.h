// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "fit/surface/newton.h"
#include "fit/surface/start_grid.h"

namespace isoflop {

/// An optimum and how many starts ended there.
struct Basin {
  NewtonResult end;
  int n_starts = 0;
};

/// The distinct optima that a set of starts ended in, best first.
struct LossSearch {
  std::vector<Basin> basins;
  int n_starts = 0;
  [[nodiscard]] const NewtonResult& best() const { return basins.front().end; }
};

/// Relative, of the objective: two ends closer than this are one optimum.
inline constexpr double kSameOptimum = 1e-9;

/// Searches the whole range of exponents: from the local minima of a dense grid in (alpha, beta),
/// from surfaces around the best end, and for Huber's function by way of larger and of smaller
/// deltas.
[[nodiscard]] LossSearch search_basins(const LossObjective& objective);

/// Finds the optimum of resamples of points whose basins are known.
class ResampleSearch {
 public:
  /// `objective` is that of all points; its columns must outlive this.
  ResampleSearch(const LossObjective& objective, const LossSearch& known);

  /// The optimum: from each known basin, by way of larger deltas, and from a grid of the resample's
  /// own (at the points' own targets). Where these disagree there is more than one basin, and many
  /// more starts are tried. Of more than 5,000 points: from the best known basin alone.
  [[nodiscard]] NewtonResult minimize_resample(const LossResample& resample);

 private:
  [[nodiscard]] std::span<const double> counts_of(const LossResample& resample);

  const LossObjective& objective_;
  const LossSearch& known_;
  StartGrid grid_;
  ResampledPoints points_;
  std::vector<double> counts_;
  std::vector<GridStart> starts_;
};

}  // namespace isoflop
