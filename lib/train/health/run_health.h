// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "isoflop/run_spec.h"
#include "isoflop/train.h"
#include "train/health/noise_scale.h"
#include "train/health/spike_detector.h"
#include "train/optimizer/step_measures.h"

namespace isoflop {

/// What watches over a run's steps. Changes nothing in them.
class RunHealth {
 public:
  explicit RunHealth(const RunSpec& spec);

  /// Takes a step's measures in and writes what they tell into its metrics.
  void observe(const StepMeasures& measures, StepMetrics& metrics);

  /// Goes into the checkpoint: a run that is resumed is watched as if it had not been interrupted.
  [[nodiscard]] std::vector<double> state() const;
  void restore(std::span<const double> state);

 private:
  SpikeDetector spikes_;
  std::optional<NoiseScale> noise_;  // absent where the whole batch is one micro-batch
};

}  // namespace isoflop
