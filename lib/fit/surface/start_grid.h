// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fit/surface/loss_objective.h"

namespace isoflop {

/// A node of the grid: a surface and the linearised objective there.
struct GridStart {
  SurfaceVector surface;
  double value;
};

/// Variable projection on a dense grid of (alpha, beta): at every node E, A, B >= 0 by (weighted)
/// least squares from tabulated powers, and the objective to first order in the residuals. Its
/// local minima are where searches start.
class StartGrid {
 public:
  StartGrid(const SurfaceColumns& points, ObjectiveKind kind, int n_nodes);

  /// The local minima for these weights of the points, best first, at most `n_max`; `rounds` of
  /// re-weighting by Huber's weights at the best node.
  void search(std::span<const double> weights, double delta, int rounds, std::size_t n_max,
              std::vector<GridStart>& starts);

 private:
  void fill(std::span<const double> weights, std::span<const double> solve_weights, double delta);
  [[nodiscard]] bool is_local_minimum(std::int64_t i, std::int64_t j) const;
  [[nodiscard]] LinearColumns columns(std::int64_t i, std::int64_t j, const double* weights) const;

  const SurfaceKernels* kernels_;
  std::int64_t n_, n_nodes_;
  std::vector<double> exponents_, one_, target_;
  std::vector<double> u_, v_;     // n_nodes rows of n
  std::vector<GridStart> nodes_;  // n_nodes^2, beta fastest
  std::vector<double> weights_, weighted_, dots_;
};

}  // namespace isoflop
