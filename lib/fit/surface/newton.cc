// SPDX-License-Identifier: Apache-2.0
// Steps -H^-1 g in (E, A', B', alpha, beta) with the exact Hessian of the pieces that the residuals
// are in, by L D L^T written out; parameters at a bound with the objective falling beyond it are
// held. Where H is not positive definite or the step does not lower the objective, a multiple of
// the Hessian of re-weighted least squares is added, 0.05 of it first, then 4 times as much each
// time. Damping by the diagonal lost: one start in five stopped short at small deltas (decision 5,
// which also says why no general solver).
#include "fit/surface/newton.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

constexpr int kMaxIterations = 400;
// Times the majorant's Hessian; with 1 the step is about half of one of re-weighted least squares.
constexpr double kFirstDamping = 0.05, kLeastDamping = 2e-3, kMaxDamping = 1e16;
constexpr SurfaceVector kLowestParameters = {0, 0, 0, kMinExponent, kMinExponent};

constexpr std::size_t at(std::size_t row, std::size_t column) {
  return row * (row + 1) / 2 + column;
}

/// The quadratic model in the free parameters: held ones have gradient 0 and a unit row. Damping
/// adds a multiple of `metric`, the majorant's Hessian.
class Model {
 public:
  Model(const SurfaceVector& surface, SurfaceDerivatives derivatives, const Constraint& constraint)
      : ratio_(constraint.ratio) {
    if (ratio_ > 0) {
      derivatives.gradient[3] += ratio_ * derivatives.gradient[4];
      tie(derivatives.hessian);
    }
    derivatives_ = derivatives;
    for (std::size_t i = 0; i < kSurfaceParameters; ++i)
      held_[i] = is_held(surface, derivatives.gradient, i);
    if (constraint.fixed_E) held_[0] = true;
    if (ratio_ > 0) held_[4] = true;
  }

  /// The Hessian's or the metric's with beta moving along: alpha's row takes beta's.
  void tie(double* matrix) const {
    if (!(ratio_ > 0)) return;
    matrix[at(3, 3)] += ratio_ * (2 * matrix[at(4, 3)] + ratio_ * matrix[at(4, 4)]);
    for (std::size_t j = 0; j < 3; ++j) matrix[at(3, j)] += ratio_ * matrix[at(4, j)];
  }

  /// Solves (H + damping metric) step = -gradient by L D L^T; false where that matrix is not safely
  /// positive definite.
  bool solve(double damping, const double* metric, double* step) const {
    double l[15], d[kSurfaceParameters];
    for (std::size_t i = 0; i < kSurfaceParameters; ++i) {
      double w[kSurfaceParameters];
      for (std::size_t j = 0; j < i; ++j) {
        double sum = held_[i] || held_[j] ? 0 : entry(at(i, j), damping, metric);
        for (std::size_t k = 0; k < j; ++k) sum -= w[k] * l[at(j, k)];
        w[j] = sum;
        l[at(i, j)] = sum / d[j];
      }
      const double diagonal = held_[i] ? 1 : entry(at(i, i), damping, metric);
      d[i] = diagonal;
      for (std::size_t j = 0; j < i; ++j) d[i] -= w[j] * l[at(i, j)];
      if (!(d[i] > 1e-13 * std::abs(diagonal))) return false;
    }
    for (std::size_t i = 0; i < kSurfaceParameters; ++i) {
      step[i] = held_[i] ? 0 : -derivatives_.gradient[i];
      for (std::size_t j = 0; j < i; ++j) step[i] -= l[at(i, j)] * step[j];
    }
    for (std::size_t i = kSurfaceParameters; i-- > 0;) {
      step[i] /= d[i];
      for (std::size_t j = i + 1; j < kSurfaceParameters; ++j) step[i] -= l[at(j, i)] * step[j];
    }
    if (ratio_ > 0) step[4] = ratio_ * step[3];
    return true;
  }
  [[nodiscard]] double promised(const double* step) const {
    double sum = 0;
    for (std::size_t i = 0; i < kSurfaceParameters; ++i) {
      if (!held_[i]) sum -= 0.5 * derivatives_.gradient[i] * step[i];
    }
    return sum;
  }

 private:
  // The ridge keeps directions that the points do not show at all from being singular.
  [[nodiscard]] double entry(std::size_t k, double damping, const double* metric) const {
    const double ridge = k == 0 || k == 2 || k == 5 || k == 9 || k == 14 ? 1 + 1e-9 : 1;
    return derivatives_.hessian[k] + (damping > 0 ? damping * ridge * metric[k] : 0);
  }

  SurfaceDerivatives derivatives_;
  double ratio_;
  bool held_[kSurfaceParameters];
};

/// Within E, A', B' >= 0 and the exponents' range.
SurfaceVector clipped(SurfaceVector surface) {
  for (std::size_t i = 0; i < kSurfaceParameters; ++i)
    surface[i] = std::max(surface[i], kLowestParameters[i]);
  for (std::size_t i = 3; i < kSurfaceParameters; ++i)
    surface[i] = std::min(surface[i], kMaxExponent);
  return surface;
}

double raised(double damping) { return damping > 0 ? 4 * damping : kFirstDamping; }

}  // namespace

bool is_held(const SurfaceVector& surface, const double* gradient, std::size_t i) {
  const bool low = surface[i] <= kLowestParameters[i] && gradient[i] >= 0;
  const bool high = i >= 3 && surface[i] >= kMaxExponent && gradient[i] <= 0;
  return low || high;
}

NewtonResult minimize(const LossObjective& objective, const SurfaceVector& start, double tolerance,
                      const Constraint& constraint) {
  NewtonResult result{.surface = clipped(start)};
  SurfaceDerivatives here, there, metric;
  objective.derivatives(result.surface, here);
  result.n_evaluations = 1;
  const double floor = objective.rounding_floor();
  double damping = 0;
  for (int i = 0; i < kMaxIterations && std::isfinite(here.value); ++i) {
    const Model model(result.surface, here, constraint);
    const bool was_damped = damping > 1;
    bool lowered = false, measured = false;
    double least_promise = std::numeric_limits<double>::infinity();
    while (!lowered && damping < kMaxDamping) {
      double step[kSurfaceParameters];
      const bool solved = model.solve(damping, metric.hessian, step);
      const double promised = solved ? model.promised(step) : 0;
      if (solved && promised <= tolerance * here.value + floor && damping <= 1) {
        result.converged = true;
        break;
      }
      if (solved && damping <= 1) least_promise = std::min(least_promise, promised);
      if (solved) {
        SurfaceVector next = result.surface;
        for (std::size_t j = 0; j < kSurfaceParameters; ++j) next[j] += step[j];
        next = clipped(next);
        objective.derivatives(next, there);
        ++result.n_evaluations;
        lowered = there.value < here.value;
        if (lowered) result.surface = next;
      }
      if (lowered) {
        damping = damping / 4 < kLeastDamping ? 0 : damping / 4;
      } else {
        if (!measured) {
          objective.majorant(result.surface, metric);
          model.tie(metric.hessian);
          ++result.n_evaluations;
          measured = true;
        }
        damping = raised(damping);
      }
    }
    // Nothing lower can be told from here where all that is promised is rounding.
    if (!lowered && least_promise <= objective.rounding_at(here.value)) result.converged = true;
    if (!lowered && !result.converged && was_damped) {
      damping = 0;  // heavy damping may only have hidden that this is the end
      continue;
    }
    if (result.converged || !lowered) break;
    std::swap(here, there);
  }
  result.value = here.value;
  return result;
}

NewtonResult minimize_by_continuation(const LossObjective& objective, const SurfaceVector& start,
                                      double first_delta) {
  constexpr double kRoughTolerance = 1e-5;
  if (!objective.is_huber()) return minimize(objective, start);
  SurfaceVector surface = start;
  int n = 0;
  for (double delta = first_delta; delta > 1.5 * objective.delta(); delta /= 4) {
    const NewtonResult stage = minimize(objective.with_delta(delta), surface, kRoughTolerance);
    surface = stage.surface;
    n += stage.n_evaluations;
  }
  NewtonResult result = minimize(objective, surface);
  result.n_evaluations += n;
  return result;
}

}  // namespace isoflop
