// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace isoflop {

/// The largest resident set this process has had; 0 where the system does not say.
[[nodiscard]] std::int64_t peak_memory_bytes();

}  // namespace isoflop
