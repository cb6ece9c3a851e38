// SPDX-License-Identifier: Apache-2.0
#include "fit/newton.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <Eigen/Eigenvalues>

namespace isoflop {
namespace {

constexpr int kMaxIterations = 400;
constexpr double kRelativeGain = 1e-13;
constexpr std::array<double, 5> kLow = {0, 0, 0, kMinExponent, kMinExponent};

SurfaceVector clipped(SurfaceVector surface) {
  for (int i = 0; i < 5; ++i) surface[i] = std::max(surface[i], kLow[static_cast<std::size_t>(i)]);
  for (int i = 3; i < 5; ++i) surface[i] = std::min(surface[i], kMaxExponent);
  return surface;
}

// At a bound with the objective falling beyond it.
bool is_held(const SurfaceVector& surface, const SurfaceVector& gradient, int i) {
  const bool low = surface[i] <= kLow[static_cast<std::size_t>(i)] && gradient[i] >= 0;
  const bool high = i >= 3 && surface[i] >= kMaxExponent && gradient[i] <= 0;
  return low || high;
}

/// The quadratic model in the free parameters, by its eigenvectors.
struct Model {
  Eigen::SelfAdjointEigenSolver<SurfaceMatrix> eigen;
  SurfaceVector gradient;  // 0 where held
  double largest = 0;      // |eigenvalue|

  Model(const SurfaceVector& surface, const SurfaceVector& full_gradient, SurfaceMatrix hessian)
      : gradient(full_gradient) {
    for (int i = 0; i < 5; ++i) {
      if (!is_held(surface, full_gradient, i)) continue;
      gradient[i] = 0;
      hessian.row(i).setZero();
      hessian.col(i).setZero();
    }
    eigen.compute(hessian);
    largest = eigen.eigenvalues().cwiseAbs().maxCoeff();
  }
  [[nodiscard]] SurfaceVector step(double damping) const {
    const SurfaceVector along = eigen.eigenvectors().transpose() * gradient;
    const SurfaceVector size =
        (eigen.eigenvalues().cwiseAbs().array() + (damping + 1e-14) * largest).matrix();
    return -eigen.eigenvectors() * along.cwiseQuotient(size);
  }
};

}  // namespace

NewtonResult minimize(const LossObjective& objective, const SurfaceVector& start) {
  NewtonResult result{.surface = clipped(start)};
  SurfaceVector gradient;
  SurfaceMatrix hessian;
  result.value = objective.derivatives(result.surface, gradient, hessian);
  const double floor = objective.rounding_floor();
  double damping = 1e-3;
  for (int i = 0; i < kMaxIterations && std::isfinite(result.value); ++i) {
    const Model model(result.surface, gradient, hessian);
    if (!(model.largest > 0) || !std::isfinite(model.largest)) {
      result.converged = model.largest == 0;
      break;
    }
    const double promised = -0.5 * model.gradient.dot(model.step(0));
    if (promised <= kRelativeGain * result.value + floor) {
      result.converged = true;
      break;
    }
    bool lowered = false;
    while (!lowered && damping < 1e16) {
      const SurfaceVector next = clipped(result.surface + model.step(damping));
      const double value = objective.value(next);
      lowered = value < result.value;
      if (lowered) {
        result.surface = next;
        damping = std::max(0.1 * damping, 1e-14);
      } else {
        damping *= 5;
      }
    }
    if (!lowered) {
      // No step lowers it any more: the promise is below what doubles resolve.
      result.converged = promised <= 1e-10 * result.value + floor;
      break;
    }
    result.value = objective.derivatives(result.surface, gradient, hessian);
  }
  return result;
}

NewtonResult minimize_by_continuation(const LossObjective& objective, const SurfaceVector& start) {
  if (!objective.is_huber()) return minimize(objective, start);
  SurfaceVector surface = clipped(start);
  double delta = objective.largest_residual(surface);
  for (; delta > objective.delta(); delta /= 4) {
    surface = minimize(objective.with_delta(delta), surface).surface;
  }
  return minimize(objective, surface);
}

}  // namespace isoflop
