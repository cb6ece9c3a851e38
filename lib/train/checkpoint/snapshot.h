// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace isoflop {

/// Where a run stands, its tensors aside. The place in the data, the random numbers and the
/// learning rate are functions of the spec and of steps_done.
struct Progress {
  std::int64_t steps_done = 0;
  double last_loss = 0;      // of the last step
  double late_loss_sum = 0;  // over the steps that train_loss_nats averages
  std::int64_t late_steps = 0;
  double train_seconds = 0;
  std::vector<double> health;  // what the detectors remember; only they know what it means

  bool operator==(const Progress&) const = default;
};

/// A run's whole state on the host, whoever held which part of it: three arenas of
/// ParameterLayout(shape).
struct Snapshot {
  Progress progress;
  std::vector<float> weights, first_moment, second_moment;
};

}  // namespace isoflop
