// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "isoflop/train.h"

namespace isoflop::test {

/// What the train() of this test program does: takes steps up to `last_step`, calling on_step, and
/// ends with `outcome` if it was not stopped. It "checkpoints" by a file that holds the step.
struct FakeTraining {
  std::int64_t last_step = 0;
  RunOutcome outcome = RunOutcome::completed;
  int calls = 0;
  std::function<void(StepMetrics&)> change = {};  // what a step measures
};
FakeTraining& fake_training();

}  // namespace isoflop::test
