// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/estimate.h"

namespace isoflop {

/// What a loss is worth in another metric: floor + (ceiling - floor) / (1 + exp(k (L - loss_mid))),
/// k > 0 (Llama 3, arXiv:2407.21783, sec. 3.2.1; OLMo's ladder, arXiv:2412.04403). `floor` is the
/// value at a high loss, chance; `ceiling` that at a low one. Of an error rate, which falls as the
/// loss does, the ceiling is the smaller number.
struct Sigmoid {
  double floor = 0, ceiling = 0;
  double k = 0;         // per unit of the loss
  double loss_mid = 0;  // L0
  [[nodiscard]] double operator()(double loss) const;
};

/// The largest budgets left out, their metrics predicted from their losses.
struct SecondStageHoldout {
  std::int64_t n_points = 0;
  double ratio = 1;        // largest compute left out / largest compute used
  double rms_error = 0;    // in units of the metric
  double worst_error = 0;  // predicted - found, of the largest magnitude
  double residual_sd = 0;  // of the points that were used
  /// More than twice residual_sd, and more than 5 % of the range of the metric.
  bool is_poor = false;
};

/// The metric of a run at one of the fit's targets, by the loss predicted there.
struct SecondStageTarget {
  double compute = 0;  // [FLOPs]
  double loss = 0, metric = 0;
  /// 90 %: of the loss, of the curve over resamples, and of a run about the curve. Absent without
  /// resamples, or where the loss has no interval.
  std::optional<Interval> interval = std::nullopt;
  /// How far the loss lies outside those of the points, over their range; 0 inside it.
  double beyond = 0;
};

/// Loss -> metric through the points that state a number in `column`.
struct SecondStage {
  std::string column;
  std::string not_fitted;  // why; empty where it was
  FitStatus status = FitStatus::too_few_points;
  Sigmoid curve;
  /// Percentiles over resamples of points, or of whole trunks. Absent without resamples.
  std::optional<Interval> floor, ceiling, k, loss_mid;
  std::int64_t n_bootstrap = 0, n_bootstrap_failed = 0;
  std::int64_t n_points = 0;
  std::int64_t n_units = 0;  // trunks, and points without one
  double residual_sd = 0;    // with n - 4
  Interval losses, metrics;  // smallest and largest among the points
  /// Floor and ceiling lie within: [0, 1] where every metric does, else [0, 100] where every one
  /// does (percent), else ten times the range of the metrics beyond them.
  Interval bounds;
  /// Two-sided p of a straight line's slope in the loss; standard error robust to trunks (sandwich,
  /// Liang and Zeger, 1986), Student's t of n_units - 2.
  double slope_p = 1;
  /// Ceilings whose best fit has a sum of squares of at most S (1 + t^2 / (n - 4)): the 90 %
  /// interval by the profile, cut off at `bounds`.
  Interval ceiling_profile;
  /// Whether that is narrower than a quarter of |ceiling - floor|.
  bool ceiling_identified = false;
  std::optional<SecondStageHoldout> holdout;  // absent with too few points
  std::vector<SecondStageTarget> at_targets;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

}  // namespace isoflop
