// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/json.h"
#include "isoflop/second_stage.h"

namespace isoflop {

/// The part of an isoflop.fit/1 answer that is about further metrics.
[[nodiscard]] Json second_stage_json(std::span<const SecondStage> stages);

}  // namespace isoflop
