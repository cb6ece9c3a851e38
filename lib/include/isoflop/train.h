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
  double weight_norm = 0;   // of all parameters, before the step
  double peak_lr_fraction = 0;
  /// The loss lies far above those of the last steps (robust z-score over 128 of them above 6).
  bool is_spike = false;
  /// The gradient noise scale (arXiv:1812.06162), near the critical batch size [tokens], from the
  /// first micro-batches and the whole batch; 0 while it is not known.
  double noise_scale_tokens = 0;
};

/// What a launcher says to one of the processes it starts.
struct LaunchEnvironment {
  int process = 0, n_processes = 1;
  int local_process = 0, n_local_processes = 1;  // among those of the same machine
  /// Where the processes meet: "host:port" of process 0, or "file:/path" of a file that all see.
  /// Empty for one process.
  std::string rendezvous;
  /// Tells this job from others; the same in all its processes. May be empty.
  std::string job;

  friend bool operator==(const LaunchEnvironment&, const LaunchEnvironment&) = default;
};

struct TrainOptions {
  /// "cpu"; "cuda", of which each rank takes the GPU of its number on its machine; "cuda:N", that
  /// GPU for all ranks.
  std::string device = "cpu";
  /// Threads (with "cuda": GPUs) that carry the spec's logical ranks, at most one for each. They do
  /// not change a bit of the result.
  int n_threads = 1;
  /// Threads or GPUs that share each model; n_threads times as many in all. Sums are then added up
  /// in parts, which changes the rounding of the result.
  int tensor_parallel = 1;
  /// Where several processes carry the run: each has as many ranks, sees the same files, and calls
  /// train(). What it returns is complete in process 0; the others have the outcome.
  LaunchEnvironment launch;
  /// Where the run's state is kept between segments, until the caller has recorded the result and
  /// removes it. Empty: nowhere, a run cannot be resumed.
  std::filesystem::path checkpoint_folder;
  double seconds_between_checkpoints = 300;
  /// Where runs that differ in length and decay alone leave the state from which they part: the run
  /// starts from the furthest one that it shares, and adds its own. Empty: alone, from step 0.
  std::filesystem::path trunk_folder;
  /// Called after every step. False ends the run as `interrupted`, with a checkpoint.
  std::function<bool(const StepMetrics&)> on_step;
  /// Polled, by all ranks, while the other processes of the run are waited for and while the run is
  /// evaluated: true ends it as `interrupted`.
  std::function<bool()> stop = {};
  /// Called from any thread, within 5 s and then every half minute, with whom a rank waits for
  /// while the processes of the run meet.
  std::function<void(const std::string&)> on_wait = {};
};

/// What a run did in this process.
struct TrainResult {
  RunOutcome outcome = RunOutcome::crashed;
  /// Why it diverged or ran out of memory; what was wrong with a checkpoint that was not used.
  std::string message;
  Evaluation validation;  // only where completed
  /// Mean over the last 10 % of the spec's steps; where none of them was reached, the last loss.
  double train_loss_nats = 0;
  std::int64_t steps_done = 0;
  std::int64_t first_step = 0;  // where this process took over: 0, or a checkpoint's step
  double train_seconds = 0;     // all segments
  double evaluate_seconds = 0;
  /// On the CPU the largest resident set of the process; else what rank 0 had on its device.
  std::int64_t peak_memory_bytes = 0;
  /// Of all devices, at the run's precision, by their data sheets; 0 where it is not known.
  double peak_flops_per_second = 0;
  std::string device;
};

/// Trains `spec` on `dataset`, from its checkpoint if there is one, and evaluates it. The result is
/// a pure function of (spec, dataset, tensor_parallel) on one kind of device: neither threads nor
/// interruptions nor a trunk change a bit. A loss, gradient norm or weight norm that is not finite
/// ends the run as `diverged`, with the weights of the step before. A checkpoint that is damaged or
/// another run's is not used: the run goes on from an older one or starts over, and `message` says
/// why. Throws Error for an invalid spec, a data set that does not match it, a shape that so many
/// ranks cannot share, a device that is not there, or a checkpoint that cannot be written.
[[nodiscard]] TrainResult train(const RunSpec& spec, const Dataset& dataset,
                                const TrainOptions& options = {});

/// Bytes that train() allocates for `spec` on the CPU, within 10 %; on a GPU, beside the work space
/// of its operations. On top come the program itself,
/// the work space of the matrix library, 12 bytes for each parameter from the first checkpoint on
/// (24 where there is a trunk, too), and in bf16 the fp32 copies that one operation works on.
[[nodiscard]] std::int64_t estimate_memory_bytes(const RunSpec& spec, int n_threads = 1,
                                                 int tensor_parallel = 1);

}  // namespace isoflop
