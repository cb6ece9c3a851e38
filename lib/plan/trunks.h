// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "isoflop/plan.h"

namespace isoflop {

/// Fills in first_step, from the other runs of each one's trunk.
void set_first_steps(std::span<PlannedRun> runs);

}  // namespace isoflop
