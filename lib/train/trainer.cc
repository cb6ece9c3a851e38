// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "base/atomic_file.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "train/checkpoint.h"
#include "train/communicator.h"
#include "train/device.h"
#include "train/evaluate.h"
#include "train/peak_memory.h"
#include "train/replica.h"
#include "train/spec_identity.h"
#include "train/thread_communicator.h"

namespace isoflop {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What the ranks of one run have in common.
struct SharedRun {
  const RunSpec& spec;
  const Dataset& dataset;
  const TrainOptions& options;
  const WeightObserver& observe;
  std::string identity;
  std::filesystem::path state_file;  // empty: no checkpoints
  std::optional<CheckpointReader> reader;
  std::unique_ptr<CheckpointWriter> writer;
  TrainResult result;
};

enum class Decision { go_on, save, stop };

/// One rank's way through a run. All decisions are rank 0's.
class RankTrainer {
 public:
  RankTrainer(SharedRun& run, Communicator& communicator)
      : run_(run),
        communicator_(communicator),
        leader_(communicator.rank() == 0),
        replica_(run.spec, run.dataset, communicator,
                 make_backend(run.options.device, communicator.rank())) {}

  void run() {
    resume_or_initialize();
    const RunOutcome outcome = train_steps();
    if (leader_) run_.observe(progress_.steps_done, replica_.weights());
    if (outcome == RunOutcome::completed) {
      finish_with_evaluation();
    } else {
      finish(outcome);
    }
  }

 private:
  void resume_or_initialize() {
    if (leader_) open_checkpoint();
    communicator_.barrier();
    if (run_.reader) {
      replica_.load(*run_.reader);
      progress_ = run_.reader->progress();
    } else {
      replica_.initialize();
    }
    communicator_.barrier();
    if (!leader_) return;
    run_.reader.reset();
    run_.result.first_step = progress_.steps_done;
  }

  /// A checkpoint that cannot be used costs time, not the run: say so and start over.
  void open_checkpoint() {
    if (run_.state_file.empty()) return;
    std::error_code reported_when_saving;
    std::filesystem::create_directories(run_.state_file.parent_path(), reported_when_saving);
    remove_abandoned_temporaries(run_.state_file);
    if (!std::filesystem::exists(run_.state_file, reported_when_saving)) return;
    try {
      run_.reader.emplace(run_.state_file, run_.identity, replica_.layout().size());
    } catch (const Error& error) {
      run_.result.message = std::string(error.what()) + "; started from the beginning";
    }
  }

  [[nodiscard]] RunOutcome train_steps() {
    started_ = last_save_ = Clock::now();
    seconds_before_ = progress_.train_seconds;
    while (progress_.steps_done < run_.spec.n_steps) {
      if (leader_) run_.observe(progress_.steps_done, replica_.weights());
      if (!train_step()) return RunOutcome::diverged;
      const Decision decision = decide();
      if (decision != Decision::go_on) save();
      if (decision == Decision::stop) return RunOutcome::interrupted;
    }
    return RunOutcome::completed;
  }

  /// False where the run has diverged; the weights are then those of the step before.
  [[nodiscard]] bool train_step() {
    const std::int64_t step = progress_.steps_done;
    const double loss = replica_.compute_gradients(step);
    const double grad_norm = replica_.reduce_gradients();
    if (!std::isfinite(loss) || !std::isfinite(grad_norm)) {
      add_message("diverged at step " + std::to_string(step + 1) + ": loss " + exact_text(loss) +
                  ", gradient norm " + exact_text(grad_norm));
      return false;
    }
    replica_.update(step, grad_norm);
    record(loss);
    metrics_ = {.step = progress_.steps_done,
                .tokens = progress_.steps_done * run_.spec.batch_tokens,
                .loss_nats = loss,
                .grad_norm = grad_norm,
                .peak_lr_fraction = lr_fraction_at(run_.spec, step)};
    return true;
  }

  void record(double loss) {
    ++progress_.steps_done;
    progress_.last_loss = loss;
    progress_.train_seconds = seconds_before_ + seconds_since(started_);
    const std::int64_t n_late = std::max<std::int64_t>(1, run_.spec.n_steps / 10);
    if (progress_.steps_done <= run_.spec.n_steps - n_late) return;
    progress_.late_loss_sum += loss;
    ++progress_.late_steps;
  }

  [[nodiscard]] Decision decide() {
    Decision decision = Decision::go_on;
    if (leader_) {
      const bool due = seconds_since(last_save_) >= run_.options.seconds_between_checkpoints;
      if (due && !run_.state_file.empty()) decision = Decision::save;
      if (run_.options.on_step && !run_.options.on_step(metrics_)) decision = Decision::stop;
    }
    return static_cast<Decision>(broadcast(communicator_, static_cast<double>(decision)));
  }

  void save() {
    if (run_.state_file.empty()) return;
    if (leader_) {
      run_.writer = std::make_unique<CheckpointWriter>(run_.state_file, run_.identity, progress_,
                                                       replica_.layout().size());
    }
    communicator_.barrier();
    replica_.save(*run_.writer);
    if (leader_) {
      run_.writer->commit();
      run_.writer.reset();
      last_save_ = Clock::now();
    }
  }

  void finish_with_evaluation() {
    const Clock::time_point start = Clock::now();
    const Evaluation evaluation = evaluate(replica_, run_.spec, run_.dataset);
    if (leader_) run_.result.evaluate_seconds = seconds_since(start);
    if (!std::isfinite(evaluation.loss_nats)) {
      add_message("diverged in the last step: validation loss " + exact_text(evaluation.loss_nats));
      return finish(RunOutcome::diverged);
    }
    if (leader_) run_.result.validation = evaluation;
    finish(RunOutcome::completed);
  }

  void finish(RunOutcome outcome) {
    if (!leader_) return;
    TrainResult& result = run_.result;
    result.outcome = outcome;
    result.steps_done = progress_.steps_done;
    result.train_seconds = progress_.train_seconds;
    result.train_loss_nats =
        progress_.late_steps > 0
            ? progress_.late_loss_sum / static_cast<double>(progress_.late_steps)
            : progress_.last_loss;
    result.device = replica_.backend().name();
    result.peak_memory_bytes = peak_memory_bytes();
  }

  void add_message(const std::string& message) {
    if (!leader_) return;
    std::string& all = run_.result.message;
    all += (all.empty() ? "" : "; ") + message;
  }

  SharedRun& run_;
  Communicator& communicator_;
  bool leader_;
  Replica replica_;
  Progress progress_;
  StepMetrics metrics_;
  double seconds_before_ = 0;
  Clock::time_point started_, last_save_;
};

void check_data(const RunSpec& spec, const Dataset& dataset) {
  const DatasetInfo& info = dataset.info();
  const auto complain = [](const std::string& text) {
    throw Error(ErrorCode::invalid_argument, text);
  };
  if (info.hash != spec.dataset_hash) {
    complain("/dataset_hash: must be that of data set \"" + info.name + "\", " + info.hash +
             ", got " + spec.dataset_hash);
  }
  if (spec.shape.vocab_size < info.vocab_size) {
    complain("/shape/vocab_size: must be at least the data set's " +
             std::to_string(info.vocab_size) + ", got " + std::to_string(spec.shape.vocab_size));
  }
  const std::int64_t n_windows = dataset.validation_sequences(spec.shape.seq_len);
  if (validation_windows(spec) < 1 || validation_windows(spec) > n_windows) {
    complain("/validation_tokens: must be from seq_len = " + std::to_string(spec.shape.seq_len) +
             " to " + std::to_string(n_windows * spec.shape.seq_len) +
             ", the whole windows of the validation split, got " +
             std::to_string(spec.validation_tokens));
  }
}

void check_request(const RunSpec& spec, const Dataset& dataset, const TrainOptions& options) {
  validate(spec);
  check_data(spec, dataset);
  if (options.n_threads < 1) {
    throw Error(ErrorCode::invalid_argument,
                "n_threads: must be > 0, got " + std::to_string(options.n_threads));
  }
  if (spec.precision != Precision::fp32) {
    throw Error(ErrorCode::unavailable, "/precision: this build trains in fp32 only, got " +
                                            std::string(to_string(spec.precision)));
  }
}

int count_ranks(const RunSpec& spec, int n_threads) {
  return static_cast<int>(std::min<std::int64_t>(n_threads, spec.data_parallel));
}

}  // namespace

TrainResult train_observed(const RunSpec& spec, const Dataset& dataset, const TrainOptions& options,
                           const WeightObserver& observe) {
  check_request(spec, dataset, options);
  SharedRun run{spec, dataset, options, observe, spec_identity(spec, options.device),
                {},   {},      {},      {}};
  if (!options.checkpoint_folder.empty()) run.state_file = options.checkpoint_folder / "state.bin";
  try {
    run_ranks(count_ranks(spec, options.n_threads),
              [&](Communicator& communicator) { RankTrainer(run, communicator).run(); });
  } catch (const std::bad_alloc&) {
    run.result.outcome = RunOutcome::out_of_memory;
    run.result.message =
        "out of memory; the run takes about " +
        si_text(static_cast<double>(estimate_memory_bytes(spec, options.n_threads))) + "B";
  }
  return std::move(run.result);
}

TrainResult train(const RunSpec& spec, const Dataset& dataset, const TrainOptions& options) {
  return train_observed(spec, dataset, options, [](std::int64_t, Tensor) {});
}

std::int64_t estimate_memory_bytes(const RunSpec& spec, int n_threads) {
  validate(spec);
  const int n_ranks = count_ranks(spec, std::max(1, n_threads));
  std::int64_t total = 0;
  for (int rank = 0; rank < n_ranks; ++rank) total += Replica::size(spec, rank, n_ranks);
  return total;
}

}  // namespace isoflop
