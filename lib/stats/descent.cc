// SPDX-License-Identifier: Apache-2.0
// Beyond delta Huber's function is the square of s = sign(r) sqrt(delta (2 |r| - delta)), up to the
// factor 1/2, with ds/dr = delta / |s|. It ends by the size of its steps, or after 300 of them; how
// good an end is, Newton's method settles afterwards.
#include "stats/descent.h"

#include <cmath>

#include <ceres/tiny_solver.h>

namespace isoflop {
namespace {

constexpr int kMaxDescentSteps = 300;

/// The residuals whose squares are summed, in the shape TinySolver asks for.
class SquaredResiduals {
 public:
  using Scalar = double;
  enum { NUM_RESIDUALS = Eigen::Dynamic, NUM_PARAMETERS = Eigen::Dynamic };

  SquaredResiduals(const NonlinearObjective& objective, const Bounds& bounds)
      : objective_(objective), bounds_(bounds) {}
  [[nodiscard]] int NumResiduals() const {
    return static_cast<int>(objective_.observations().size());
  }
  [[nodiscard]] int NumParameters() const { return objective_.n_params(); }

  bool operator()(const double* parameters, double* residuals, double* jacobian) const {
    const int p = objective_.n_params();
    const int n = NumResiduals();
    const ParameterVector asked = Eigen::Map<const ParameterVector>(parameters, p);
    const ParameterVector theta = bounds_.clipped(asked);
    ParameterVector slope(p);
    for (int i = 0; i < n; ++i) {
      const Observation& observation = objective_.observations()[static_cast<std::size_t>(i)];
      const double r = jacobian != nullptr ? objective_.residual(observation, theta, slope)
                                           : objective_.residual(observation, theta);
      const auto [root, factor] = root_of(r);
      const double weight = std::sqrt(observation.weight);
      residuals[i] = weight * root;
      if (jacobian == nullptr) continue;
      for (int j = 0; j < p; ++j) {
        jacobian[j * n + i] = asked[j] == theta[j] ? weight * factor * slope[j] : 0;
      }
    }
    return true;
  }

 private:
  struct Root {
    double value, derivative;
  };
  [[nodiscard]] Root root_of(double r) const {
    const double delta = objective_.delta();
    if (!objective_.is_huber() || std::abs(r) <= delta) return {r, 1};
    const double root = std::sqrt(delta * (2 * std::abs(r) - delta));
    return {std::copysign(root, r), delta / root};
  }

  const NonlinearObjective& objective_;
  const Bounds& bounds_;
};

}  // namespace

ParameterVector descend(const NonlinearObjective& objective, const Bounds& bounds,
                        const ParameterVector& start) {
  const SquaredResiduals function(objective, bounds);
  ceres::TinySolver<SquaredResiduals> solver;
  solver.options.max_num_iterations = kMaxDescentSteps;
  // Absolute in TinySolver, and so of no use where the unit of y is open.
  solver.options.gradient_tolerance = 0;
  solver.options.function_tolerance = 0;
  solver.options.cost_threshold = 0;
  solver.options.parameter_tolerance = 1e-12;
  // TinySolver's own 1e4 is a full Gauss-Newton step, which from afar lands in other basins.
  solver.options.initial_trust_region_radius = 10;
  Eigen::VectorXd theta = bounds.clipped(start);
  solver.Solve(function, &theta);
  return bounds.clipped(theta);
}

}  // namespace isoflop
