// SPDX-License-Identifier: Apache-2.0
// From the optimum outwards the distance doubles, from a thousandth of that to the bound, until the
// profile is above its limit, then the crossing is bisected; every refit starts from the surface of
// the nearest point inside. For a the refit moves along beta = a / (1 - a) alpha. A profile that is
// below the limit at its bound has no end there: not identified.
#include "fit/surface/surface_profile.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "stats/distributions.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kProfileTolerance = 1e-9;  // of the objective
constexpr int kMaxSteps = 60;

/// The objective minimised with the parameter at `x`, starting from the surface at a nearer x.
using Profile = std::function<NewtonResult(double x, const SurfaceVector& start)>;

struct End {
  double x = 0;
  bool at_bound = false;
};

// Bisects between a point inside and one outside; the profile is far from a parabola near bounds.
double cross(const Profile& profile, double limit, double inside, NewtonResult at_inside,
             double outside, double scale) {
  for (int i = 0; i < kMaxSteps && std::abs(outside - inside) > 1e-6 * scale; ++i) {
    const double middle = 0.5 * (inside + outside);
    const NewtonResult end = profile(middle, at_inside.surface);
    if (end.value <= limit) {
      inside = middle;
      at_inside = end;
    } else {
      outside = middle;
    }
  }
  return 0.5 * (inside + outside);
}

// Doubles the distance from the optimum until the profile is above its limit or at `bound`.
End find_end(const Profile& profile, double limit, double optimum, const NewtonResult& at_optimum,
             double bound) {
  constexpr double kFirstShare = 1e-3;
  double inside = optimum;
  NewtonResult at_inside = at_optimum;
  double step = kFirstShare * (bound - optimum);
  for (int i = 0; i < kMaxSteps; ++i) {
    const bool last =
        std::abs(optimum + step - bound) <= 1e-12 || std::abs(step) >= std::abs(bound - optimum);
    const double x = last ? bound : optimum + step;
    const NewtonResult end = profile(x, at_inside.surface);
    if (end.value > limit) {
      const double scale = std::abs(x - optimum);
      return {.x = cross(profile, limit, inside, at_inside, x, scale), .at_bound = false};
    }
    if (last) break;
    inside = x;
    at_inside = end;
    step *= 2;
  }
  return {.x = bound, .at_bound = true};
}

ProfileInterval interval_of(const Profile& profile, double limit, double optimum,
                            const SurfaceVector& surface, Interval bounds) {
  const NewtonResult at_optimum{.surface = surface};
  const End low = optimum > bounds.low ? find_end(profile, limit, optimum, at_optimum, bounds.low)
                                       : End{.x = bounds.low, .at_bound = true};
  const End high = find_end(profile, limit, optimum, at_optimum, bounds.high);
  return {.interval = {.low = low.x, .high = high.x},
          .identified = !low.at_bound && !high.at_bound};
}

}  // namespace

double profile_limit(const LossObjective& objective, const SurfaceVector& optimum,
                     std::size_t n_points) {
  const double value = objective.value(optimum);
  const auto n = static_cast<double>(n_points);
  const double t = t90(n - 5);
  if (!objective.is_huber()) return value * (1 + t * t / (n - 5));
  std::vector<double> sizes(n_points);
  objective.residuals(optimum, sizes);
  const double delta = objective.delta();
  double squares = 0;
  for (double& r : sizes) {
    r = std::abs(r);
    squares += std::min(r, delta) * std::min(r, delta);
  }
  const double width = std::max(delta, kSdPerMad * median(sizes) * std::pow(n, -0.2));
  const auto within = static_cast<double>(
      std::count_if(sizes.begin(), sizes.end(), [&](double r) { return r <= width; }));
  const double curvature = std::max(within, 1.0) / n * delta / width;
  return value + 0.5 * t * t * squares / (n - 5) / curvature;
}

ProfileInterval profile_E(const LossObjective& objective, const SurfaceVector& optimum,
                          double limit) {
  const Profile profile = [&](double E, SurfaceVector start) {
    start[0] = E;
    return minimize(objective, start, kProfileTolerance, {.fixed_E = true});
  };
  // Above the largest loss even A = B = 0 does not fit; the profile ends long before.
  const SurfaceColumns& points = objective.points();
  double highest = 0;
  for (std::int64_t i = 0; i < points.n; ++i) {
    if (points.weight[i] > 0) highest = std::max(highest, points.target[i]);
  }
  if (objective.kind() == ObjectiveKind::huber_log) highest = std::exp(highest);
  return interval_of(profile, limit, optimum[0], optimum, {.low = 0, .high = highest});
}

ProfileInterval profile_a(const LossObjective& objective, const SurfaceVector& optimum,
                          double limit) {
  constexpr double kLow = 0.01, kHigh = 0.99;  // beyond, one term is a constant
  const Profile profile = [&](double a, SurfaceVector start) {
    const double ratio = a / (1 - a);
    start[3] = std::sqrt(start[3] * start[4] / ratio);
    start[4] = ratio * start[3];
    return minimize(objective, start, kProfileTolerance, {.ratio = ratio});
  };
  const double a = optimum[4] / (optimum[3] + optimum[4]);
  if (a <= kLow || a >= kHigh) return {.interval = {.low = 0, .high = 1}, .identified = false};
  ProfileInterval result = interval_of(profile, limit, a, optimum, {.low = kLow, .high = kHigh});
  if (result.interval.low <= kLow) result.interval.low = 0;
  if (result.interval.high >= kHigh) result.interval.high = 1;
  return result;
}

}  // namespace isoflop
