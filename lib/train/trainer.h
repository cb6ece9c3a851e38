// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "isoflop/train.h"
#include "train/contract/backend.h"
#include "train/device/device.h"

namespace isoflop {

/// Sees rank 0's part of the weights before every step, and once more at the end: for tests, which
/// may also damage them.
using WeightObserver = std::function<void(std::int64_t steps_done, Tensor weights)>;

/// Makes the backend of a rank on a device.
using BackendMaker = std::function<std::unique_ptr<Backend>(const std::string& device, int rank)>;

/// train(), observed, on given backends.
[[nodiscard]] TrainResult train_observed(const RunSpec& spec, const Dataset& dataset,
                                         const TrainOptions& options, const WeightObserver& observe,
                                         const BackendMaker& make = make_backend);

}  // namespace isoflop
