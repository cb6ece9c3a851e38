// SPDX-License-Identifier: Apache-2.0
// Whole runs on a CUDA device: as on the CPU, in pieces, and broken.
#include "cuda/device_under_test.h"
#include "cuda/trainer_run.h"
#include "support/temp_dir.h"

namespace isoflop {

TEST_CASE("a run on a device goes as on the CPU") {
  test::fresh_device();
  const RunSpec spec = test::toy_spec();
  const test::Trace cuda = test::trace(spec);
  const TrainResult cpu = train(spec, test::ToyDataset());
  CHECK(cuda.result.outcome == RunOutcome::completed);
  CHECK(cuda.result.steps_done == spec.n_steps);
  CHECK(cuda.result.message.empty());
  CHECK(cuda.result.validation.loss_nats == Approx(cpu.validation.loss_nats).epsilon(1e-4));
  CHECK(cuda.result.train_loss_nats == Approx(cpu.train_loss_nats).epsilon(1e-4));
  CHECK(cuda.result.validation.bytes == cpu.validation.bytes);
  REQUIRE(cuda.steps.size() == static_cast<std::size_t>(spec.n_steps));
  for (std::size_t i = 0; i < cuda.steps.size(); ++i)
    CHECK(cuda.steps[i].step == static_cast<std::int64_t>(i) + 1);
}

TEST_CASE("a run on a device that is interrupted and resumed equals one that was not") {
  test::fresh_device();
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    RunSpec spec = test::short_spec();
    spec.precision = precision;
    const test::Trace whole = test::trace(spec);
    for (const std::int64_t stop : {2, 6}) {
      const test::TempDir dir;
      test::Trace first = test::trace(spec, test::stop_after(stop, dir.path()));
      CHECK(first.result.outcome == RunOutcome::interrupted);
      CHECK(first.result.steps_done >= stop);
      CHECK(first.result.steps_done <= stop + 1);  // what was on its way is finished
      CHECK(static_cast<std::int64_t>(first.steps.size()) == first.result.steps_done);
      TrainOptions rest;
      rest.checkpoint_folder = dir.path();
      const test::Trace second = test::trace(spec, rest);
      CHECK(second.result.first_step == first.result.steps_done);
      CHECK(second.result.message.empty());
      test::check_same(whole, second);
      first.steps.insert(first.steps.end(), second.steps.begin(), second.steps.end());
      test::check_same_steps(whole.steps, first.steps);
    }
  }
}

TEST_CASE("a run whose numbers are no longer finite ends in that step, on a device as well") {
  test::fresh_device();
  RunSpec spec = test::toy_spec();
  spec.peak_lr = 1e30;
  spec.warmup_steps = 0;
  const test::Trace cuda = test::trace(spec);
  const TrainResult cpu = train(spec, test::ToyDataset());
  CHECK(cuda.result.outcome == RunOutcome::diverged);
  CHECK(cuda.result.steps_done == cpu.steps_done);
  CHECK_THAT(cuda.result.message, contains("diverged at step "));
}

}  // namespace isoflop
