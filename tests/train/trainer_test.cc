// SPDX-License-Identifier: Apache-2.0
#include "train/trainer.h"

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "isoflop/train.h"
#include "support/catch.h"
#include "support/temp_dir.h"
#include "support/toy_dataset.h"
#include "train/checkpoint/run_checkpoints.h"

namespace isoflop {
namespace {

using test::toy_spec;
using test::ToyDataset;

/// What a run leaves behind, timings aside, and its weights to the last bit.
struct Trace {
  TrainResult result;
  std::vector<float> weights;
};

Trace trace(const RunSpec& spec, const TrainOptions& options, const Dataset& dataset) {
  Trace traced;
  traced.result = train_observed(spec, dataset, options, [&](std::int64_t, Tensor weights) {
    traced.weights.assign(weights.f32(), weights.f32() + weights.size());
  });
  return traced;
}

Trace trace(const RunSpec& spec, const TrainOptions& options = {}) {
  return trace(spec, options, ToyDataset());
}

void check_same_bits(const Trace& a, const Trace& b) {
  REQUIRE(a.weights.size() == b.weights.size());
  CHECK(std::memcmp(a.weights.data(), b.weights.data(), a.weights.size() * sizeof(float)) == 0);
  CHECK(a.result.outcome == b.result.outcome);
  CHECK(a.result.steps_done == b.result.steps_done);
  CHECK(a.result.train_loss_nats == b.result.train_loss_nats);
  CHECK(a.result.validation.loss_nats == b.result.validation.loss_nats);
  CHECK(a.result.validation.bits_per_byte == b.result.validation.bits_per_byte);
  CHECK(a.result.validation.standard_error == b.result.validation.standard_error);
}

TrainOptions threads(int n) {
  TrainOptions options;
  options.n_threads = n;
  return options;
}

/// Stops after `steps` steps in all.
TrainOptions stop_after(std::int64_t steps, const std::filesystem::path& folder, int n_threads) {
  TrainOptions options = threads(n_threads);
  options.checkpoint_folder = folder;
  options.on_step = [steps](const StepMetrics& metrics) { return metrics.step < steps; };
  return options;
}

}  // namespace

TEST_CASE("a tiny model learns what follows what") {
  RunSpec spec = toy_spec();
  spec.n_steps = 400;
  spec.warmup_steps = 20;
  spec.peak_lr = 0.005;
  const ToyDataset dataset;
  const TrainResult result = train(spec, dataset, threads(2));
  CHECK(result.outcome == RunOutcome::completed);
  CHECK(result.message.empty());
  CHECK(result.validation.tokens == spec.validation_tokens);
  CHECK(result.train_loss_nats < 0.5 * dataset.unigram_entropy());
  CHECK(result.train_loss_nats > dataset.entropy() - 0.05);  // 40 batches of 128 tokens: se 0.02
  CHECK(result.validation.loss_nats < 0.6 * dataset.unigram_entropy());
  CHECK(result.validation.standard_error > 0);
  CHECK(result.steps_done == 400);
  CHECK_THAT(result.device, contains("cpu"));
  CHECK(result.train_seconds > 0);
  CHECK(result.peak_memory_bytes > estimate_memory_bytes(spec, 2));
}

TEST_CASE("the first loss is that of a uniform guess, ln V") {
  RunSpec spec = toy_spec();
  spec.init_std = 0.006;
  std::vector<StepMetrics> steps;
  TrainOptions options;
  options.on_step = [&](const StepMetrics& metrics) {
    steps.push_back(metrics);
    return true;
  };
  (void)train(spec, ToyDataset(), options);
  REQUIRE(steps.size() == 20);
  CHECK(steps[0].loss_nats == Approx(std::log(16.0)).epsilon(1e-3));
  CHECK(steps[0].tokens == spec.batch_tokens);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    CHECK(steps[i].step == static_cast<std::int64_t>(i) + 1);
    CHECK(steps[i].peak_lr_fraction == lr_fraction_at(spec, static_cast<std::int64_t>(i)));
  }
}

TEST_CASE("threads do not change a bit") {
  for (const std::int64_t data_parallel : {2, 4}) {
    RunSpec spec = toy_spec();
    spec.data_parallel = data_parallel;
    // More parameters than one chunk of the gradient norm holds.
    spec.shape.d_model = 64;
    spec.shape.d_ff = 176;
    spec.n_steps = 5;
    const Trace one = trace(spec);
    CHECK(one.result.outcome == RunOutcome::completed);
    for (const int n_threads : {2, 3, 4, 7}) check_same_bits(one, trace(spec, threads(n_threads)));
  }
}

TEST_CASE("a run that is interrupted and resumed equals one that was not, to the bit") {
  const RunSpec spec = toy_spec();
  const Trace whole = trace(spec);
  for (const std::int64_t stop : {1, 7, 18, 19, 20}) {
    const test::TempDir dir;
    const Trace first = trace(spec, stop_after(stop, dir.path(), 1));
    CHECK(first.result.outcome == RunOutcome::interrupted);
    CHECK(first.result.steps_done == stop);
    TrainOptions rest = threads(3);
    rest.checkpoint_folder = dir.path();
    const Trace second = trace(spec, rest);
    CHECK(second.result.first_step == stop);
    CHECK(second.result.message.empty());
    check_same_bits(whole, second);
  }
}

TEST_CASE("a run in many pieces, on changing threads, equals one in one piece") {
  const RunSpec spec = toy_spec();
  const test::TempDir dir;
  for (std::int64_t stop = 3; stop < 20; stop += 3) {
    const int n_threads = 1 + static_cast<int>(stop % 4);
    (void)trace(spec, stop_after(stop, dir.path() / "new" / "folder", n_threads));
  }
  TrainOptions rest;
  rest.checkpoint_folder = dir.path() / "new" / "folder";
  check_same_bits(trace(spec), trace(spec, rest));
}

TEST_CASE("a process that is killed at any moment costs at most the steps since its checkpoint") {
  RunSpec spec = toy_spec();
  spec.n_steps = 150;
  const test::TempDir dir;
  const auto steps_before_a_kill = [&](std::int64_t n_steps) {
    int channel[2];
    REQUIRE(pipe(channel) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      TrainOptions options;
      options.checkpoint_folder = dir.path();
      options.seconds_between_checkpoints = 0;
      options.on_step = [&](const StepMetrics&) { return write(channel[1], "s", 1) == 1; };
      (void)train(spec, ToyDataset(), options);
      _exit(0);
    }
    close(channel[1]);
    char step = 0;
    std::int64_t n = 0;
    while (n < n_steps && read(channel[0], &step, 1) == 1) ++n;
    kill(child, SIGKILL);  // while it writes that step's checkpoint, or soon after
    waitpid(child, nullptr, 0);
    close(channel[0]);
  };
  constexpr std::int64_t kKills = 20;
  std::int64_t n_steps = 0;
  for (std::uint64_t i = 0; i < kKills; ++i) {
    const auto steps = 1 + static_cast<std::int64_t>(Rng(23).below(10, i));
    steps_before_a_kill(steps);
    n_steps += steps;
  }
  TrainOptions options;
  options.checkpoint_folder = dir.path();
  const Trace rest = trace(spec, options);
  CHECK(rest.result.message.empty());
  // Before each kill the last step, and the one whose checkpoint was being written, may be lost.
  CHECK(rest.result.first_step >= n_steps - 2 * kKills);
  CHECK(rest.result.first_step < spec.n_steps);
  check_same_bits(trace(spec), rest);
}

TEST_CASE("how often a checkpoint is written does not change the result") {
  const RunSpec spec = toy_spec();
  const test::TempDir dir;
  TrainOptions options = threads(2);
  options.checkpoint_folder = dir.path();
  options.seconds_between_checkpoints = 0;
  check_same_bits(trace(spec), trace(spec, options));
  // A process that died after its last step finds the state of that step.
  const Trace again = trace(spec, options);
  CHECK(again.result.first_step == spec.n_steps);
  check_same_bits(trace(spec), again);
}

TEST_CASE("a damaged checkpoint is not used but the one before, and the result says so") {
  const RunSpec spec = toy_spec();
  const Trace whole = trace(spec);
  const test::TempDir dir;
  (void)trace(spec, stop_after(5, dir.path(), 1));
  (void)trace(spec, stop_after(7, dir.path(), 1));
  const auto damage = [&](const std::string& step) {
    const std::string file = step + "/weights.safetensors";
    std::string content = test::read_file(dir.path() / file);
    content[content.size() - 5] ^= 1;
    dir.write(file, content);
  };
  TrainOptions options;
  options.checkpoint_folder = dir.path();

  damage("step-000000007");
  const Trace older = trace(spec, options);
  CHECK(older.result.first_step == 5);
  CHECK_THAT(older.result.message,
             contains("step-000000007/weights.safetensors") && contains("went on from step 5"));
  check_same_bits(whole, older);

  damage("step-000000005");
  const Trace anew = trace(spec, options);
  CHECK(anew.result.first_step == 0);
  CHECK_THAT(anew.result.message, contains("step-000000005/weights.safetensors") &&
                                      contains("started from the beginning"));
  check_same_bits(whole, anew);
}

TEST_CASE("another run's checkpoint is not used") {
  const test::TempDir dir;
  (void)trace(toy_spec(), stop_after(7, dir.path(), 1));
  RunSpec other = toy_spec();
  other.peak_lr *= 2;
  TrainOptions options;
  options.checkpoint_folder = dir.path();
  const Trace run = trace(other, options);
  CHECK(run.result.first_step == 0);
  CHECK_THAT(run.result.message, contains("another run"));
  check_same_bits(trace(other), run);
}

TEST_CASE("branches of one trunk equal the same runs trained alone, to the bit") {
  for (const ScheduleKind kind : {ScheduleKind::multi_step, ScheduleKind::wsd}) {
    const test::TempDir dir;
    std::int64_t shared = 0;
    for (const std::int64_t n_steps : {10, 20, 40}) {
      RunSpec spec = toy_spec();
      spec.schedule.kind = kind;
      spec.n_steps = n_steps;
      TrainOptions options = threads(1 + static_cast<int>(n_steps / 10 % 2));
      options.trunk_folder = dir.path();
      const Trace branch = trace(spec, options);
      CHECK(branch.result.first_step == shared);
      CHECK(branch.result.message.empty());
      check_same_bits(trace(spec), branch);
      shared = branch_step(spec);
      CHECK(lr_fraction_at(spec, shared - 1) == 1);
      CHECK(lr_fraction_at(spec, shared) < 1);
    }
    // One that is shorter than what is there starts alone, and is right.
    RunSpec spec = toy_spec();
    spec.schedule.kind = kind;
    spec.n_steps = 15;
    TrainOptions options;
    options.trunk_folder = dir.path();
    check_same_bits(trace(spec), trace(spec, options));
  }
}

TEST_CASE("a run goes on from a checkpoint of another layout with the same loss") {
  RunSpec spec = toy_spec();
  spec.shape.n_heads = 4;
  spec.shape.n_kv_heads = 4;
  const auto mesh = [](int n_tensor, int n_data) {
    TrainOptions options = threads(n_data);
    options.tensor_parallel = n_tensor;
    return options;
  };
  const test::TempDir dir;
  TrainOptions first = mesh(2, 2);
  first.checkpoint_folder = dir.path();
  first.on_step = [&](const StepMetrics& metrics) { return metrics.step < 10; };
  REQUIRE(train(spec, ToyDataset(), first).steps_done == 10);
  const auto next_loss = [&](int n_tensor, int n_data) {
    const test::TempDir copy;
    std::filesystem::copy(dir.path(), copy.path(), std::filesystem::copy_options::recursive);
    TrainOptions options = mesh(n_tensor, n_data);
    options.checkpoint_folder = copy.path();
    double loss = 0;
    options.on_step = [&](const StepMetrics& metrics) {
      loss = metrics.loss_nats;
      return false;
    };
    const TrainResult result = train(spec, ToyDataset(), options);
    CHECK(result.first_step == 10);
    CHECK(result.message.empty());
    return loss;
  };
  const double same_layout = next_loss(2, 2);
  CHECK(next_loss(1, 1) == Approx(same_layout).epsilon(1e-6));
  CHECK(next_loss(4, 1) == Approx(same_layout).epsilon(1e-6));
  CHECK(next_loss(1, 4) == Approx(same_layout).epsilon(1e-6));
}

TEST_CASE("tensor-parallel ranks train the model that one rank trains, and the record says so") {
  RunSpec spec = toy_spec();
  spec.shape.n_kv_heads = 2;
  TrainOptions options = threads(2);
  options.tensor_parallel = 2;
  const TrainResult result = train(spec, ToyDataset(), options);
  CHECK(result.validation.loss_nats ==
        Approx(train(spec, ToyDataset()).validation.loss_nats).epsilon(1e-4));
  CHECK_THAT(result.device, contains("2 tensor-parallel ranks"));
  options.tensor_parallel = 3;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(train(spec, ToyDataset(), options)),
             contains("tensor_parallel: must be a divisor of n_kv_heads = 2"));
}

TEST_CASE("a loss that is not finite ends the run as diverged, before the update") {
  const RunSpec spec = toy_spec();
  for (const int n_threads : {1, 2}) {
    std::vector<float> poisoned, at_end;
    const TrainResult result = train_observed(
        spec, ToyDataset(), threads(n_threads), [&](std::int64_t steps_done, Tensor weights) {
          if (steps_done == 6 && poisoned.empty()) {
            weights.f32()[40] = std::numeric_limits<float>::infinity();
            poisoned.assign(weights.f32(), weights.f32() + weights.size());
          } else {
            at_end.assign(weights.f32(), weights.f32() + weights.size());
          }
        });
    CHECK(result.outcome == RunOutcome::diverged);
    CHECK(result.steps_done == 6);
    CHECK_THAT(result.message, contains("diverged at step 7: loss ") && contains("nan"));
    CHECK(std::isfinite(result.train_loss_nats));
    CHECK(std::memcmp(poisoned.data(), at_end.data(), poisoned.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("an absurd learning rate is an outcome, not an error") {
  RunSpec spec = toy_spec();
  spec.peak_lr = 1e30;
  CHECK(train(spec, ToyDataset()).outcome == RunOutcome::diverged);
  // Infinite in fp32: the weights overflow after the last loss that training sees.
  spec.peak_lr = 1e40;
  spec.n_steps = 1;
  spec.warmup_steps = 0;
  const TrainResult result = train(spec, ToyDataset());
  CHECK(result.outcome == RunOutcome::diverged);
  CHECK_THAT(result.message, contains("validation loss"));
}

TEST_CASE("memory that is not there is an outcome, on any thread") {
  class Hungry final : public ToyDataset {
    void train_sequence(std::uint64_t, std::int64_t index, std::span<std::int32_t>) const override {
      if (index >= 4) throw std::bad_alloc();
    }
  };
  const TrainResult result = train(toy_spec(), Hungry(), threads(2));
  CHECK(result.outcome == RunOutcome::out_of_memory);
  CHECK_THAT(result.message, contains("out of memory; the run takes about"));
}

TEST_CASE("a request that cannot be met is refused with field, value and what is allowed") {
  const ToyDataset dataset;
  RunSpec spec = toy_spec();
  TrainOptions options;
  options.device = "tpu";
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(train(spec, dataset, options)),
             contains("device: must be \"cpu\", \"cuda\" or \"cuda:N\", got \"tpu\""));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(train(spec, dataset, threads(0))),
             contains("n_threads: must be > 0, got 0"));
  spec.dataset_hash = "other";
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(train(spec, dataset)),
             contains("/dataset_hash: must be that of data set \"toy\", toy-hash, got other"));
  spec = toy_spec();
  spec.shape.vocab_size = 15;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(train(spec, dataset)),
             contains("/shape/vocab_size: must be at least the data set's 16, got 15"));
  spec = toy_spec();
  spec.validation_tokens = 15;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(train(spec, dataset)),
             contains("/validation_tokens: must be from seq_len = 16 to 16000"));
}

TEST_CASE("a checkpoint that cannot be written is an error of the machine, naming the file") {
  const test::TempDir dir;
  dir.write("file", "");
  const TrainOptions options = stop_after(2, dir.path() / "file", 2);
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(train(toy_spec(), ToyDataset(), options)),
             contains(dir.path().string()));
}

TEST_CASE("a run that is stopped while it is evaluated goes on there, to the same bits") {
  for (const int tensor_parallel : {1, 2}) {
    const test::TempDir dir;
    RunSpec spec = toy_spec();
    TrainOptions options = threads(2);
    options.tensor_parallel = tensor_parallel;
    const Trace whole = trace(spec, options);
    std::atomic<bool> trained = false;
    options.checkpoint_folder = dir.path() / "checkpoint";
    options.on_step = [&](const StepMetrics& step) {
      trained = step.step == spec.n_steps;
      return true;
    };
    options.stop = [&] { return trained.load(); };
    const TrainResult stopped = train(spec, ToyDataset(), options);
    CHECK(stopped.outcome == RunOutcome::interrupted);
    CHECK(stopped.steps_done == spec.n_steps);
    options.stop = {};
    options.on_step = [](const StepMetrics&) -> bool { throw std::logic_error("no step is left"); };
    check_same_bits(whole, trace(spec, options));
  }
}

}  // namespace isoflop
