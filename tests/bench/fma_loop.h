// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace isoflop {

/// Runs `n` rounds of independent multiply-adds; returns the operations done. `seed` keeps the
/// compiler from knowing the operands, `sink` from dropping the results.
using FmaLoop = std::int64_t(std::int64_t n, float seed, float* sink);

}  // namespace isoflop
