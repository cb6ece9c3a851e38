// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "fit/estimate/words.h"
#include "isoflop/second_stage.h"

namespace isoflop {

void warn_of_second_stage(std::span<const SecondStage> stages, Words& warnings);

}  // namespace isoflop
