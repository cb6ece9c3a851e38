// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "base/text.h"
#include "isoflop/error.h"
#include "train/checkpoint/run_checkpoints.h"
#include "train/checkpoint/shared_progress.h"
#include "train/contract/communicator.h"
#include "train/evaluate.h"
#include "train/health/run_health.h"
#include "train/memory_need.h"
#include "train/ranks/mesh.h"
#include "train/ranks/socket_communicator.h"
#include "train/replica.h"
#include "train/train_request.h"

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
  const BackendMaker& make_backend;
  int n_local_ranks;  // of this process
  RunCheckpoints checkpoints;
  std::optional<Snapshot> snapshot;  // while it is loaded or stored
  TrainResult result;
};

enum class Decision { go_on, save, stop, diverged };  // in rising order

/// One rank's way through a run. All decisions are rank 0's, but that any rank may see it diverge.
class RankTrainer {
 public:
  RankTrainer(SharedRun& run, Communicator& world)
      : run_(run),
        world_(world),
        leader_(world.rank() == 0),
        backend_(run.make_backend(run.options.device, local_rank())),
        connected_(backend_->connect(world)),
        mesh_(connected_ ? *connected_ : world, run.options.tensor_parallel),
        replica_(run.spec, run.dataset, mesh_, checked(*backend_)),
        health_(run.spec),
        decisions_(static_cast<std::size_t>(world.size())) {}

  void run() {
    resume_or_initialize();
    const RunOutcome outcome = train_steps();
    observe();
    if (outcome == RunOutcome::completed) {
      finish_with_evaluation();
    } else {
      finish(outcome);
    }
  }

 private:
  [[nodiscard]] int first_rank() const { return run_.options.launch.process * run_.n_local_ranks; }
  /// Among the ranks of this machine.
  [[nodiscard]] int local_rank() const {
    return run_.options.launch.local_process * run_.n_local_ranks + world_.rank() - first_rank();
  }

  [[nodiscard]] Backend& checked(Backend& backend) const {
    check_memory(run_.spec, mesh_, backend);
    return backend;
  }

  void resume_or_initialize() {
    if (leader_) load_checkpoint();
    world_.barrier();
    const std::optional<Progress> loaded = share_progress(
        world_, leader_ && run_.snapshot ? std::optional(run_.snapshot->progress) : std::nullopt);
    if (loaded) {
      progress_ = *loaded;
      replica_.optimizer().load(writes_snapshot() ? &*run_.snapshot : nullptr);
      health_.restore(progress_.health);
    } else {
      replica_.optimizer().initialize();
    }
    world_.barrier();
    if (!leader_) return;
    run_.snapshot.reset();
    run_.result.first_step = progress_.steps_done;
  }

  /// The first ranks of all columns; they are in one process.
  [[nodiscard]] bool writes_snapshot() const { return mesh_.data->rank() == 0; }

  /// A checkpoint that cannot be used costs time, not the run: say so and take an older one, or
  /// start over.
  void load_checkpoint() {
    std::vector<std::string> refused;
    run_.snapshot = run_.checkpoints.load(refused);
    for (const std::string& why : refused) add_message(why);
    if (refused.empty()) return;
    add_message(run_.snapshot
                    ? "went on from step " + std::to_string(run_.snapshot->progress.steps_done)
                    : "started from the beginning");
  }

  [[nodiscard]] RunOutcome train_steps() {
    started_ = last_save_ = Clock::now();
    seconds_before_ = progress_.train_seconds;
    steps_started_ = progress_.steps_done;
    Decision decision = Decision::go_on;
    while (progress_.steps_done < run_.spec.n_steps) {
      start_steps(decision);
      decision = agree(std::max(decision, finish_step() ? decide() : Decision::diverged));
      if (decision == Decision::diverged) return RunOutcome::diverged;
      if (progress_.steps_done < steps_started_) continue;
      // After on_step: whoever goes on from here finds the step in the metrics.
      if (run_.checkpoints.is_branch_point(progress_.steps_done)) {
        save(&RunCheckpoints::save_trunk);
      }
      if (decision != Decision::go_on && run_.checkpoints.kept()) save(&RunCheckpoints::save);
      if (decision == Decision::stop) return RunOutcome::interrupted;
      decision = Decision::go_on;
    }
    return RunOutcome::completed;
  }

  /// As many as the backend takes before the first of them is finished; none beyond a step after
  /// which the state is to be saved.
  void start_steps(Decision decision) {
    const auto may_start = [&] {
      const std::int64_t unfinished = steps_started_ - progress_.steps_done;
      if (unfinished == 0) return true;
      return decision == Decision::go_on && unfinished <= backend_->steps_ahead() &&
             steps_started_ < run_.spec.n_steps &&
             !run_.checkpoints.is_branch_point(steps_started_);
    };
    while (may_start()) {
      if (steps_started_ == progress_.steps_done) observe();
      replica_.start_step(steps_started_++);
    }
  }

  /// False where the run has diverged; the weights are then those of the step before.
  [[nodiscard]] bool finish_step() {
    const std::int64_t step = progress_.steps_done;
    const StepMeasures measures = replica_.finish_step();
    if (!measures.is_finite()) {
      add_message("diverged at step " + std::to_string(step + 1) + ": loss " +
                  exact_text(measures.loss) + ", gradient norm " +
                  exact_text(measures.norms.gradient) + ", weight norm " +
                  exact_text(measures.norms.weights));
      return false;
    }
    record(measures.loss);
    metrics_ = {.step = progress_.steps_done,
                .tokens = progress_.steps_done * run_.spec.batch_tokens,
                .loss_nats = measures.loss,
                .grad_norm = measures.norms.gradient,
                .weight_norm = measures.norms.weights,
                .peak_lr_fraction = lr_fraction_at(run_.spec, step)};
    health_.observe(measures, metrics_);
    return true;
  }

  void record(double loss) {
    ++progress_.steps_done;
    progress_.last_loss = loss;
    progress_.train_seconds = seconds_before_ + seconds_since(started_);
    if (progress_.steps_done <= run_.spec.n_steps - late_steps(run_.spec)) return;
    progress_.late_loss_sum += loss;
    ++progress_.late_steps;
  }

  [[nodiscard]] Decision decide() {
    if (!leader_) return Decision::go_on;
    if (run_.options.on_step && !run_.options.on_step(metrics_)) return Decision::stop;
    const bool due = seconds_since(last_save_) >= run_.options.seconds_between_checkpoints;
    return due ? Decision::save : Decision::go_on;
  }

  /// The highest of all ranks' decisions, on all of them.
  [[nodiscard]] Decision agree(Decision mine) {
    const auto rank = static_cast<std::int64_t>(world_.rank());
    const Range place{rank, rank + 1};
    decisions_[static_cast<std::size_t>(rank)] = static_cast<double>(mine);
    world_.all_gather(decisions_, {&place, 1});
    return static_cast<Decision>(*std::max_element(decisions_.begin(), decisions_.end()));
  }

  /// All ranks copy their shares; rank 0 hands the whole over to be written.
  void save(void (RunCheckpoints::*hand_over)(Snapshot&&)) {
    if (leader_) {
      run_.snapshot = run_.checkpoints.take_buffer();
      progress_.health = health_.state();
      run_.snapshot->progress = progress_;
    }
    world_.barrier();
    replica_.optimizer().store(writes_snapshot() ? &*run_.snapshot : nullptr);
    world_.barrier();
    if (!leader_) return;
    (run_.checkpoints.*hand_over)(std::move(*run_.snapshot));
    run_.snapshot.reset();
    last_save_ = Clock::now();
  }

  void finish_with_evaluation() {
    const Clock::time_point start = Clock::now();
    const std::optional<Evaluation> evaluated =
        evaluate(replica_, run_.spec, run_.dataset, run_.options.stop);
    if (!evaluated) {
      if (run_.checkpoints.kept()) save(&RunCheckpoints::save);
      return finish(RunOutcome::interrupted);
    }
    const Evaluation& evaluation = *evaluated;
    if (leader_) run_.result.evaluate_seconds = seconds_since(start);
    if (!std::isfinite(evaluation.loss_nats)) {
      add_message("diverged in the last step: validation loss " + exact_text(evaluation.loss_nats));
      return finish(RunOutcome::diverged);
    }
    if (leader_) run_.result.validation = evaluation;
    finish(RunOutcome::completed);
  }

  void finish(RunOutcome outcome) {
    if (world_.rank() == first_rank()) run_.result.outcome = outcome;
    if (!leader_) return;
    run_.checkpoints.finish();
    TrainResult& result = run_.result;
    result.steps_done = progress_.steps_done;
    result.train_seconds = progress_.train_seconds;
    result.train_loss_nats =
        progress_.late_steps > 0
            ? progress_.late_loss_sum / static_cast<double>(progress_.late_steps)
            : progress_.last_loss;
    result.device = backend_->name();
    if (mesh_.tensor->size() > 1) {
      result.device += ", " + std::to_string(mesh_.tensor->size()) + " tensor-parallel ranks";
    }
    result.peak_memory_bytes = backend_->peak_memory();
    result.peak_flops_per_second =
        world_.size() * backend_->peak_flops(storage_type(run_.spec.precision));
  }

  void observe() {
    if (leader_) run_.observe(progress_.steps_done, replica_.weights());
  }

  void add_message(const std::string& message) {
    if (!leader_) return;
    std::string& all = run_.result.message;
    all += (all.empty() ? "" : "; ") + message;
  }

  SharedRun& run_;
  Communicator& world_;
  bool leader_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Communicator> connected_;  // through the backend's devices, where they can
  Mesh mesh_;
  Replica replica_;
  Progress progress_;
  std::int64_t steps_started_ = 0;
  RunHealth health_;
  std::vector<double> decisions_;  // of all ranks
  StepMetrics metrics_;
  double seconds_before_ = 0;
  Clock::time_point started_, last_save_;
};

/// Where memory has run out, the estimate, which makes a plan of the run, may not find any either.
std::string need_text(const RunSpec& spec, const TrainOptions& options) {
  try {
    const std::int64_t n_bytes =
        estimate_memory_bytes(spec, options.n_threads, options.tensor_parallel);
    return "the run takes about " + si_text(static_cast<double>(n_bytes)) + "B";
  } catch (const std::bad_alloc&) {
    return "the weights alone take " + si_text(weight_bytes(spec)) + "B";
  }
}

}  // namespace

TrainResult train_observed(const RunSpec& spec, const Dataset& dataset, const TrainOptions& options,
                           const WeightObserver& observe, const BackendMaker& make) {
  check_request(spec, dataset, options);
  const int n_local = count_local_ranks(spec, options);
  SharedRun run{spec, dataset, options, observe, make, n_local, RunCheckpoints(spec, options),
                {},   {}};
  const MeetingWatch watch{options.on_wait, options.stop};
  try {
    check_host_memory(spec, options, n_local);
    run_process_ranks(
        options.launch, n_local, [&](Communicator& world) { RankTrainer(run, world).run(); }, {},
        watch);
  } catch (const StoppedWaiting& why) {
    run.result.outcome = RunOutcome::interrupted;
    run.result.message = why.what();
  } catch (const DoesNotFit& why) {
    run.result.outcome = RunOutcome::out_of_memory;
    run.result.message = why.what();
  } catch (const std::bad_alloc&) {
    run.result.outcome = RunOutcome::out_of_memory;
    run.result.message = "out of memory; " + need_text(spec, options);
  }
  return std::move(run.result);
}

TrainResult train(const RunSpec& spec, const Dataset& dataset, const TrainOptions& options) {
  return train_observed(spec, dataset, options, [](std::int64_t, Tensor) {});
}

std::int64_t estimate_memory_bytes(const RunSpec& spec, int n_threads, int tensor_parallel) {
  validate(spec);
  check_tensor_parallel(spec.shape, tensor_parallel);
  const int n_data = count_data_ranks(spec, std::max(1, n_threads));
  std::int64_t total = 0;
  for (int rank = 0; rank < tensor_parallel * n_data; ++rank) {
    total += Replica::size(spec, {rank % tensor_parallel, tensor_parallel}, rank / tensor_parallel,
                           n_data);
  }
  return total;
}

}  // namespace isoflop
