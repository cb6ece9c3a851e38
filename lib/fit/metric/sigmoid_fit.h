// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/metric/second_stage.h"

namespace isoflop {

inline constexpr int kSigmoidParams = 4;

struct SigmoidFit {
  Sigmoid curve;
  double sum_squares = 0;
  bool converged = false;
};

/// Where floor and ceiling may lie; see SecondStage::bounds.
[[nodiscard]] Interval sigmoid_bounds(std::span<const StagePoint> points);

/// Least squares in the metric, floor and ceiling within `bounds`. Starts from a grid in (k,
/// loss_mid), at whose nodes floor and ceiling are linear, and from `start` where there is one.
/// Needs two distinct losses and two distinct metrics.
[[nodiscard]] SigmoidFit fit_sigmoid(std::span<const StagePoint> points, const Interval& bounds,
                                     const std::optional<Sigmoid>& start = std::nullopt);

/// SecondStage::ceiling_profile about the best fit.
[[nodiscard]] Interval profile_ceiling(std::span<const StagePoint> points, const Interval& bounds,
                                       const SigmoidFit& best);

}  // namespace isoflop
