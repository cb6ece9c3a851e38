// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "isoflop/train.h"
#include "train/backend.h"

namespace isoflop {

/// Sees rank 0's part of the weights before every step, and once more at the end: for tests, which
/// may also damage them.
using WeightObserver = std::function<void(std::int64_t steps_done, Tensor weights)>;

/// train(), observed.
[[nodiscard]] TrainResult train_observed(const RunSpec& spec, const Dataset& dataset,
                                         const TrainOptions& options,
                                         const WeightObserver& observe);

}  // namespace isoflop
