// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/hyper.h"

namespace isoflop {

/// The parts of an isoflop.fit/1 answer that are about batch size and learning rate.
[[nodiscard]] Json hyper_json(const HyperFit& fit);
[[nodiscard]] Json weight_decay_json(const WeightDecayFit& fit);
[[nodiscard]] Json given_settings_json(const GivenSettings& given);
[[nodiscard]] Json mistuning_json(const Mistuning& mistuning);

}  // namespace isoflop
