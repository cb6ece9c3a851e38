// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "isoflop/estimate.h"

namespace isoflop {

/// The loss that a budget bought, at its best size.
struct BoughtLoss {
  double compute = 0;  // [FLOPs]
  double loss = 0;     // by the metric of both sides
};

/// How much compute a variant saves: `factor` FLOPs of the baseline buy the loss of one FLOP of the
/// variant. Both follow ln(L - asymptote) = mu - exponent ln C with one exponent and one asymptote,
/// so that the factor is the same at every budget:
/// factor = ((L_baseline - asymptote) / (L_variant - asymptote))^(1 / exponent) at any C.
struct Speedup {
  double asymptote = 0;  // pinned by the caller, never fitted
  double exponent = 0;   // > 0
  Interval exponent_interval;
  double factor = 1;
  Interval interval;       // 90 %: Student's t on the lack of fit of both lines
  double residual_sd = 0;  // of ln(L - asymptote)
  std::int64_t dof = 0;    // n_baseline + n_variant - 3
  /// Two-sided p that the two exponents are one; absent where a side cannot tell. Below 0.1 the
  /// factor is no constant and speaks of the budgets measured only.
  std::optional<double> equal_exponents_p;
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

/// Needs two computes of the baseline, one point of the variant and a residual degree of freedom;
/// fewer give too_few_points, losses that do not fall with compute not_converged. Throws
/// Error(invalid_argument) for an asymptote that is negative or not below every loss.
[[nodiscard]] Speedup effective_speedup(std::span<const BoughtLoss> baseline,
                                        std::span<const BoughtLoss> variant, double asymptote);

/// The difference of two exponents that were fitted apart, a - b.
struct ExponentDifference {
  double value = 0;
  Interval interval;  // 90 %, Welch's t; empty where an exponent has no error
};
[[nodiscard]] ExponentDifference exponent_difference(const PowerLawFit& a, const PowerLawFit& b);

}  // namespace isoflop
