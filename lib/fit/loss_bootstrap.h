// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fit/loss_law_fit.h"
#include "fit/loss_search.h"

namespace isoflop {

/// The optima of resamples; one entry per resample, whatever the number of threads.
[[nodiscard]] std::vector<NewtonResult> refit_resamples(const LossObjective& objective,
                                                        std::size_t n_points,
                                                        const LossSearch& known,
                                                        const LossFitOptions& options);

/// The weights of resample `i`, of `n_points`; the rest of `weights` is left 0.
class Resampler {
 public:
  Resampler(std::size_t n_points, const LossFitOptions& options);
  void draw(std::uint64_t i, std::span<double> weights) const;

 private:
  using Units = std::vector<std::vector<std::size_t>>;  // of points
  std::vector<Units> strata_;
  std::uint64_t seed_;
};

}  // namespace isoflop
