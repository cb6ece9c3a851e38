// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "isoflop/deadweight.h"
#include "isoflop/estimate.h"
#include "isoflop/extrapolation.h"

namespace isoflop {

/// A value with its 90 % interval, where that is known.
struct Estimated {
  double value = 0;
  std::optional<Interval> interval = std::nullopt;
};

/// What one estimator says of a budget. isoflop: the laws through the minima, the frontier for the
/// loss. parametric: the optimum of the surface. The intervals hold the scatter tau between
/// budgets; those of the loss also what hold-outs were off by, and the noise of a run.
struct TargetEstimate {
  std::string method;
  Estimated scale = {}, tokens = {}, loss = {};
};

/// What it costs to train a size that is off by size_ratio.
struct MissCost {
  Deadweight waste;
  std::optional<double> gpu_hours = {}, price = {};  // of waste.wasted_compute
};

/// A budget beyond those that were run, predicted.
struct Target {
  double compute = 0;  // [FLOPs]
  double ratio = 1;    // compute / largest budget behind the laws; 1 inside their range
  /// By the ratio, and one worse where hold-outs of the first estimator were poor or there are
  /// none.
  ExtrapolationLight light = ExtrapolationLight::ok;
  std::vector<TargetEstimate> estimates = {};  // isoflop before parametric; those that can be had
  /// parametric / isoflop - 1, of the scale.
  std::optional<double> disagreement = {};
  /// Where the optimal scale lies by all that is known: the estimators' intervals, and what
  /// hold-outs were off by, per decade.
  Estimated scale = {};
  /// The first estimate is trained, and the optimum is the lower or the upper end of `scale`.
  std::optional<MissCost> overestimate = {}, underestimate = {};
  std::vector<FlatRange> flat = {};  // 0.1 and 0.25 %
};

}  // namespace isoflop
