// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "isoflop/estimate.h"
#include "isoflop/law.h"
#include "isoflop/training_curve.h"

namespace isoflop {

struct EnvelopeOptions {
  LossLaw::Scale scale = LossLaw::Scale::flops_per_token;
  double smoothing = 10;        // sd of the Gaussian [logged steps]; 0: none
  std::int64_t n_flops = 1500;  // log-spaced values of C
  std::int64_t n_bootstrap = 200;
  std::uint64_t seed = 0;
};

/// One kept value of C: the run with the lowest loss there.
struct EnvelopePoint {
  double compute = 0, scale = 0, tokens = 0, loss = 0;
  std::int64_t run = 0;  // index into the curves
};

/// Approach 1 of arXiv:2203.15556. The laws are least squares in logarithms through the kept
/// values; neighbours share runs, so that the intervals come from resampling whole runs. Where they
/// are absent (no bootstrap, or most resamples without an envelope) the laws are not usable().
struct EnvelopeFit {
  PowerLawFit scale_opt, tokens_opt;
  std::vector<EnvelopePoint> points;  // ascending in compute
  std::int64_t n_runs = 0, n_scales = 0, n_winning_scales = 0;
  /// Values of C left out: the best model there is the smallest or largest that was trained so far,
  /// or the best run is at its first or last logged step.
  std::int64_t n_at_edge_model = 0, n_at_curve_end = 0;
  std::int64_t n_bootstrap = 0, n_bootstrap_failed = 0;
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

/// Smooths the curves, takes the minimum over runs at log-spaced C, drops the values that the runs
/// do not bracket, and fits N*(C) and D*(C); usable from 3 models that win somewhere. A loss in
/// the middle of a run is not what a run that ends there reaches with a decayed learning rate: the
/// optimum of such curves is that of the constant stage. Throws Error(invalid_argument) for curves
/// of unlike kind (some with a scale and some without it) and options outside their domain.
[[nodiscard]] EnvelopeFit fit_envelope(std::span<const TrainingCurve> curves,
                                       const EnvelopeOptions& options = {});

}  // namespace isoflop
