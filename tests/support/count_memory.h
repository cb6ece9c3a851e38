// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace isoflop::test {

/// What operator new has handed out in this program, in all threads (count_memory.cc replaces it).
struct MemoryCount {
  std::int64_t n_allocations = 0;
  std::int64_t live_bytes = 0, peak_bytes = 0;
};
[[nodiscard]] MemoryCount count_memory();
/// Starts the peak again from what is live now.
void reset_peak();

}  // namespace isoflop::test
