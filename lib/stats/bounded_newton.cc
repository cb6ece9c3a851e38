// SPDX-License-Identifier: Apache-2.0
// In parameters scaled to a Hessian of unit diagonal, the step is -(|l| + damping l_max)^-1 along
// each eigenvector of the free parameters: by the magnitude of its eigenvalue l, so that it
// descends where the objective is concave, too. Damping falls tenfold where the value falls and
// rises fivefold where it does not; steps are clipped to the bounds. Decision 11 says why it
// follows a general descent.
#include "stats/bounded_newton.h"

#include <algorithm>
#include <cmath>

#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr int kMaxNewtonSteps = 200;
constexpr int kMaxPolish = 8;
constexpr double kRelativeGain = 1e-14;  // a smaller promise is convergence of the value
constexpr double kMaxDamping = 1e16;

/// The quadratic model at a point, in parameters scaled by the roots of the Hessian's diagonal.
class Model {
 public:
  Model(const NonlinearObjective& objective, const Bounds& bounds, const ParameterVector& theta)
      : value_(objective.derivatives(theta, gradient_, hessian_)) {
    const int p = objective.n_params();
    for (int i = 0; i < p; ++i) {
      const bool held = (theta[i] <= bounds.low[i] && gradient_[i] >= 0) ||
                        (theta[i] >= bounds.high[i] && gradient_[i] <= 0);
      if (!held) continue;
      gradient_[i] = 0;
      hessian_.row(i).setZero();
      hessian_.col(i).setZero();
    }
    usable_ = std::isfinite(value_) && gradient_.allFinite() && hessian_.allFinite();
    if (!usable_) return;
    scale_ = ParameterVector::Ones(p);
    for (int i = 0; i < p; ++i) {
      if (hessian_(i, i) != 0) scale_[i] = 1 / std::sqrt(std::abs(hessian_(i, i)));
    }
    gradient_ = gradient_.cwiseProduct(scale_);
    eigen_ = symmetric_eigen(scale_.asDiagonal() * hessian_ * scale_.asDiagonal());
    largest_ = eigen_.values.cwiseAbs().maxCoeff();
  }
  [[nodiscard]] bool usable() const { return usable_; }
  [[nodiscard]] double value() const { return value_; }
  [[nodiscard]] ParameterVector step(double damping) const {
    return scale_.cwiseProduct(scaled_step(damping));
  }
  /// By how much the undamped step should lower the value.
  [[nodiscard]] double promise() const { return -0.5 * gradient_.dot(scaled_step(0)); }

 private:
  [[nodiscard]] ParameterVector scaled_step(double damping) const {
    if (!(largest_ > 0)) return ParameterVector::Zero(gradient_.size());
    const ParameterVector along = eigen_.vectors.transpose() * gradient_;
    const ParameterVector size =
        (eigen_.values.cwiseAbs().array() + (damping + 1e-15) * largest_).matrix();
    return -eigen_.vectors * along.cwiseQuotient(size);
  }

  ParameterVector gradient_, scale_;
  ParameterMatrix hessian_;
  SymmetricEigen eigen_;
  double value_ = 0, largest_ = 0;
  bool usable_ = false;
};

/// Full steps that lower the gradient, as the Hessian measures it.
void polish(const NonlinearObjective& objective, const Bounds& bounds, NewtonEnd& end,
            Model model) {
  for (int i = 0; i < kMaxPolish && model.promise() > 0; ++i) {
    const ParameterVector next = bounds.clipped(end.theta + model.step(0));
    const Model at_next(objective, bounds, next);
    if (!at_next.usable() || !(at_next.promise() < model.promise())) return;
    if (at_next.value() > end.value * (1 + 1e-12) + objective.rounding_floor()) return;
    end.theta = next;
    end.value = at_next.value();
    model = at_next;
  }
}

}  // namespace

NewtonEnd minimize_bounded(const NonlinearObjective& objective, const Bounds& bounds,
                           const ParameterVector& start) {
  NewtonEnd end;
  end.theta = bounds.clipped(start);
  end.value = objective.value(end.theta);
  const double floor = objective.rounding_floor();
  double damping = 1e-3;
  for (int i = 0; i < kMaxNewtonSteps; ++i) {
    const Model model(objective, bounds, end.theta);
    if (!model.usable()) return end;
    if (model.promise() <= kRelativeGain * end.value + floor) {
      end.converged = true;
      polish(objective, bounds, end, model);
      return end;
    }
    bool lowered = false;
    while (!lowered && damping < kMaxDamping) {
      const ParameterVector next = bounds.clipped(end.theta + model.step(damping));
      const double value = objective.value(next);
      lowered = value < end.value;
      if (lowered) {
        end.theta = next;
        end.value = value;
        damping = std::max(0.1 * damping, 1e-15);
      } else {
        damping *= 5;
      }
    }
    if (!lowered) {
      // The promise is below what doubles resolve.
      end.converged = model.promise() <= 1e-10 * end.value + floor;
      polish(objective, bounds, end, model);
      return end;
    }
  }
  return end;
}

}  // namespace isoflop
