// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace isoflop {

/// After every step of a run.
struct AnnealingAreas {
  std::vector<double> s1;  // sum of the learning rates
  std::vector<double>
      s2;  // sum of m_i = lambda m_(i-1) + lr_(i-1) - lr_i, 0 up to the warm-up's end
};

/// The double sum over i and k <= i of (lr_(k-1) - lr_k) lambda^(i-k) (arXiv:2408.11029, as
/// quoted), by its recurrence.
[[nodiscard]] AnnealingAreas annealing_areas(std::span<const double> lr, double lambda);

}  // namespace isoflop
