// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fit/surface/loss_law_fit.h"
#include "fit/surface/loss_search.h"

namespace isoflop {

/// The optima of resamples; one entry per resample, whatever the number of threads.
[[nodiscard]] std::vector<NewtonResult> refit_resamples(const LossObjective& objective,
                                                        std::span<const LossSample> samples,
                                                        const LossSearch& known,
                                                        const LossFitOptions& options);

/// Resamples of `samples`, which must outlive this: units within their strata, then seeds within a
/// point that was run with several (arXiv:2202.06387).
class Resampler {
 public:
  Resampler(std::span<const LossSample> samples, const LossFitOptions& options);
  /// Resample `i`; weights beyond the samples' are left 0.
  void draw(std::uint64_t i, LossResample& resample) const;

 private:
  std::span<const LossSample> samples_;
  Strata strata_;
  std::uint64_t seed_;
  bool logarithmic_;
};

}  // namespace isoflop
