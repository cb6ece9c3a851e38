// SPDX-License-Identifier: Apache-2.0
// Stands in for lib/train, so that run_one() is tested without training anything.
#include "run/fake_train.h"

#include <fstream>
#include <limits>

namespace isoflop {

test::FakeTraining& test::fake_training() {
  static FakeTraining fake;
  return fake;
}

TrainResult train(const RunSpec& spec, const Dataset&, const TrainOptions& options) {
  test::FakeTraining& fake = test::fake_training();
  ++fake.calls;
  const std::filesystem::path checkpoint = options.checkpoint_folder / "step";
  TrainResult result;
  std::ifstream(checkpoint) >> result.first_step;
  result.steps_done = result.first_step;
  result.outcome = fake.outcome;
  result.train_loss_nats =
      fake.outcome == RunOutcome::diverged ? std::numeric_limits<double>::quiet_NaN() : 2.5;
  result.validation = {2.25, 3.25, 0.01, 4096, 4096};
  result.train_seconds = 2;
  result.evaluate_seconds = 1;
  result.device = options.device;
  while (result.steps_done < fake.last_step) {
    ++result.steps_done;
    StepMetrics step = {result.steps_done, result.steps_done * spec.batch_tokens, 3, 1, 1};
    if (fake.change) fake.change(step);
    if (options.on_step && !options.on_step(step)) {
      result.outcome = RunOutcome::interrupted;
      break;
    }
  }
  if (!is_final(result.outcome)) {
    std::filesystem::create_directories(options.checkpoint_folder);
    std::ofstream(checkpoint) << result.steps_done;
  }
  return result;
}

}  // namespace isoflop
