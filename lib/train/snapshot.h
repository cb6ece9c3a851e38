// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace isoflop {

/// Where a run stands, its tensors aside.
struct Progress {
  std::int64_t steps_done = 0;
  double last_loss = 0;      // of the last step
  double late_loss_sum = 0;  // over the steps that train_loss_nats averages
  std::int64_t late_steps = 0;
  double train_seconds = 0;
  std::vector<double> health;  // state of the detectors
};

/// A run's whole state on the host, unsharded: three arenas of ParameterLayout(shape).
struct Snapshot {
  Progress progress;
  std::vector<float> weights, first_moment, second_moment;
};

}  // namespace isoflop
