// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "isoflop/error.h"

namespace isoflop {

/// Products of sizes are formed in 128 bits and must come out below 2^63.
__extension__ using WideInteger = __int128;

[[nodiscard]] inline std::int64_t narrow(WideInteger value, const std::string& what) {
  if (value > std::numeric_limits<std::int64_t>::max()) {
    throw Error(ErrorCode::invalid_argument, what + " of this shape is above 2^63");
  }
  return static_cast<std::int64_t>(value);
}

}  // namespace isoflop
