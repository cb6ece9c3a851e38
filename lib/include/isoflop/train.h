// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "isoflop/dataset.h"
#include "isoflop/run_outcome.h"
#include "isoflop/run_spec.h"

namespace isoflop {

/// One optimizer step, as metrics.jsonl records it.
struct StepMetrics {
  std::int64_t step = 0;    // 1-based: steps done
  std::int64_t tokens = 0;  // seen so far
  double loss_nats = 0;     // mean over the batch
  double grad_norm = 0;     // global, before clipping
  double peak_lr_fraction = 0;
};

struct TrainOptions {
  std::string device = "cpu";  // "cpu" or "cuda"
  /// Threads that carry the spec's logical ranks. They do not change a bit of the result.
  int n_threads = 1;
  /// Where the run's state is kept between segments; empty: nowhere, a run cannot be resumed.
  std::filesystem::path checkpoint_folder;
  double seconds_between_checkpoints = 30;
  /// Called after every step. False ends the run as `interrupted`, with a checkpoint.
  std::function<bool(const StepMetrics&)> on_step;
};

/// What a run did in this process.
struct TrainResult {
  RunOutcome outcome = RunOutcome::crashed;
  std::string message;
  Evaluation validation;       // only where completed
  double train_loss_nats = 0;  // mean over the last 10 % of the steps
  std::int64_t steps_done = 0;
  std::int64_t first_step = 0;  // where this process took over: 0, or a checkpoint's step
  double train_seconds = 0;     // all segments
  double evaluate_seconds = 0;
  std::int64_t peak_memory_bytes = 0;
  std::string device;
};

/// Trains `spec` on `dataset`, from its checkpoint if there is one, and evaluates it. The result is
/// a pure function of (spec, dataset) on one kind of device: neither threads nor interruptions
/// change a bit. Divergence is an outcome. Throws Error for an invalid spec, a data set that does
/// not match it, or a device that is not there.
[[nodiscard]] TrainResult train(const RunSpec& spec, const Dataset& dataset,
                                const TrainOptions& options = {});

/// Bytes that training `spec` takes at its peak on the CPU.
[[nodiscard]] std::int64_t estimate_memory_bytes(const RunSpec& spec, int n_threads = 1);

}  // namespace isoflop
