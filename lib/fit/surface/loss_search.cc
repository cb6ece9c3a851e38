// SPDX-License-Identifier: Apache-2.0
// The objective may have more than one optimum. Starts: up to six local minima of a 32 x 32 grid
// and ten surfaces about the best end, where the majorant's quadratic is 10 % up; for Huber's
// function the minima also with delta lowered from 16 times its value, the lowest from 256 times,
// and the best end by way of a tenth and of ten times delta. On the 240 Chinchilla points all agree
// (decision 5). A resample starts from at most three known basins, a 12 x 12 grid and one
// continuation; only where these ends differ by more than 1e-10 are some thirty starts more spent
// on it.
#include "fit/surface/loss_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

constexpr int kGridNodes = 32, kResampleNodes = 12;
constexpr std::int64_t kMany = 5000;  // points: their resamples have the optimum that they have
constexpr double kFarDelta = 16;      // times delta, where a continuation begins

/// Surfaces at which the majorant's quadratic is `rise` times the value above the optimum, along
/// each column of its inverse root, both ways.
std::array<SurfaceVector, 10> surfaces_around(const LossObjective& objective,
                                              const SurfaceVector& centre, double rise) {
  SurfaceDerivatives majorant;
  objective.majorant(centre, majorant);
  double root[5][5] = {};
  for (std::size_t i = 0, k = 0; i < 5; ++i) {
    for (std::size_t j = 0; j <= i; ++j, ++k) {
      double sum = majorant.hessian[k] * (i == j ? 1 + 1e-9 : 1);
      for (std::size_t l = 0; l < j; ++l) sum -= root[i][l] * root[j][l];
      root[i][j] = i == j ? std::sqrt(std::max(sum, 1e-300)) : sum / root[j][j];
    }
  }
  const double length = std::sqrt(2 * rise * majorant.value);
  std::array<SurfaceVector, 10> surfaces;
  for (std::size_t column = 0; column < 5; ++column) {
    SurfaceVector step = {};
    for (std::size_t i = 5; i-- > 0;) {
      double sum = i == column ? length : 0;
      for (std::size_t k = i + 1; k < 5; ++k) sum -= root[k][i] * step[k];
      step[i] = sum / root[i][i];
    }
    surfaces[2 * column] = surfaces[2 * column + 1] = centre;
    for (std::size_t i = 0; i < 5; ++i) {
      surfaces[2 * column][i] += step[i];
      surfaces[2 * column + 1][i] -= step[i];
    }
  }
  return surfaces;
}

void sort_into_basins(std::vector<NewtonResult>& ends, const LossObjective& objective,
                      LossSearch& found) {
  std::stable_sort(ends.begin(), ends.end(),
                   [](const auto& a, const auto& b) { return a.value < b.value; });
  found.n_starts = static_cast<int>(ends.size());
  for (const NewtonResult& end : ends) {
    const double gap = kSameOptimum * end.value + objective.rounding_at(end.value);
    const bool is_best = found.basins.empty();
    if (!is_best && end.value - found.basins.back().end.value <= gap) {
      ++found.basins.back().n_starts;
    } else if (is_best || end.converged) {
      found.basins.push_back({.end = end, .n_starts = 1});
    }
  }
}

const NewtonResult& best_of(const std::vector<NewtonResult>& ends) {
  return *std::min_element(ends.begin(), ends.end(),
                           [](const auto& a, const auto& b) { return a.value < b.value; });
}

}  // namespace

LossSearch search_basins(const LossObjective& objective) {
  const SurfaceColumns& points = objective.points();
  StartGrid grid(points, objective.kind(), kGridNodes);
  std::vector<GridStart> starts;
  const std::span weights(points.weight, static_cast<std::size_t>(points.n));
  constexpr std::size_t kMaxStarts = 6;
  grid.search(weights, objective.delta(), objective.is_huber() ? 1 : 0, kMaxStarts, starts);
  std::vector<NewtonResult> ends;
  for (const GridStart& start : starts) {
    ends.push_back(minimize(objective, start.surface));
    if (objective.is_huber()) {
      ends.push_back(
          minimize_by_continuation(objective, start.surface, kFarDelta * objective.delta()));
    }
  }
  if (objective.is_huber()) {
    // From where outliers are in the quadratic part too.
    const double farthest = kFarDelta * kFarDelta * objective.delta();
    ends.push_back(minimize_by_continuation(objective, starts.front().surface, farthest));
  }
  const SurfaceVector first = best_of(ends).surface;
  constexpr double kRise = 0.1;
  for (const SurfaceVector& start : surfaces_around(objective, first, kRise)) {
    ends.push_back(minimize(objective, start));
  }
  if (objective.is_huber()) {
    for (const double factor : {0.1, 10.0}) {
      const NewtonResult other =
          minimize(objective.with_delta(factor * objective.delta()), first, 1e-6);
      ends.push_back(minimize(objective, other.surface));
    }
  }
  LossSearch found;
  sort_into_basins(ends, objective, found);
  return found;
}

ResampleSearch::ResampleSearch(const LossObjective& objective, const LossSearch& known)
    : objective_(objective),
      known_(known),
      grid_(objective.points(), objective.kind(), kResampleNodes),
      points_(static_cast<std::size_t>(objective.points().n)) {}

std::span<const double> ResampleSearch::counts_of(const LossResample& resample) {
  if (resample.redrawn.empty()) return resample.weights;
  counts_ = resample.weights;
  for (const LossResample::Redrawn& draw : resample.redrawn) counts_[draw.point] += 1;
  return counts_;
}

NewtonResult ResampleSearch::minimize_resample(const LossResample& resample) {
  points_.assign(objective_.points(), resample);
  const std::span<const double> weights = counts_of(resample);
  const LossObjective objective(points_.columns(), objective_.kind(), objective_.delta());
  if (objective.points().n > kMany) return minimize(objective, known_.best().surface);
  NewtonResult best{.value = std::numeric_limits<double>::infinity()};
  double worst = 0;
  const auto consider = [&](const NewtonResult& end) {
    worst = std::max(worst, end.value);
    if (end.value < best.value) best = end;
  };
  constexpr std::size_t kMaxBasins = 3;
  for (std::size_t i = 0; i < std::min(known_.basins.size(), kMaxBasins); ++i) {
    consider(minimize(objective, known_.basins[i].end.surface));
  }
  const double far = kFarDelta * objective.delta();
  grid_.search(weights, objective.delta(), 0, 1, starts_);
  consider(minimize(objective, starts_.front().surface));
  if (objective.is_huber()) {
    consider(minimize_by_continuation(objective, known_.best().surface, far));
  }
  const double gap = 0.1 * kSameOptimum * best.value + objective.rounding_floor();
  if (worst - best.value <= gap) return best;

  consider(minimize_by_continuation(objective, starts_.front().surface, far));
  for (const double rise : {0.03, 0.1}) {
    for (const SurfaceVector& start : surfaces_around(objective, best.surface, rise)) {
      consider(minimize(objective, start));
    }
  }
  grid_.search(weights, objective.delta(), 1, 4, starts_);
  for (const GridStart& start : starts_) {
    consider(minimize(objective, start.surface));
    consider(minimize_by_continuation(objective, start.surface, far));
    consider(minimize_by_continuation(objective, start.surface, kFarDelta * far));
  }
  return best;
}

}  // namespace isoflop
