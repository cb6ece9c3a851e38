// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fit/surface/loss_objective.h"
#include "isoflop/surface.h"
#include "stats/resampling.h"

namespace isoflop {

/// Fewest points for five parameters and something left to check them by.
inline constexpr std::size_t kMinSurfacePoints = 8;

struct LossFitOptions {
  ObjectiveKind objective = ObjectiveKind::huber_log;
  double delta = 1e-3;
  LossLaw::Scale scale = LossLaw::Scale::params;
  std::int64_t n_bootstrap = 0;
  std::uint64_t seed = 0;
  /// What a resample draws from. Empty: every point its own unit, one stratum.
  Strata strata = {};
  /// Of the bootstrap; 0 as many as the machine runs at once. Results do not depend on it.
  int n_threads = 0;
  /// Whether to say how far the points determine the surface: some milliseconds.
  bool diagnostics = false;
};

/// The surface at the global optimum of its objective. At every node of a dense grid in (alpha,
/// beta) E, A and B are solved for exactly; from the local minima, directly and with delta lowered
/// step by step, a damped Newton method in all five parameters with exact second derivatives. The
/// best end wins; how many starts found it is told. E, A and B are 0 or more, exponents
/// from 1e-4 to 20.
[[nodiscard]] ParametricFit fit_loss_law(std::span<const LossSample> samples,
                                         const LossFitOptions& options);

}  // namespace isoflop
