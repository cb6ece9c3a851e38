// SPDX-License-Identifier: Apache-2.0
// Runs the blocks of a kernel on the host, one fiber for each thread. Threads of a block run one
// after the other, from one barrier or warp-wide instruction to the next, in an order drawn from a
// seed: a kernel whose result depends on the seed has a race.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

#include <vector_types.h>

namespace isoflop::emulation {

inline constexpr unsigned kWarpSize = 32;
inline constexpr unsigned kMaxThreads = 1024;
inline constexpr std::size_t kMaxSharedBytes = 227 * 1024;  // sm_90; dynamic and static together

/// What would be undefined on a device; ends the kernel.
class KernelError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Runs kernel() in every thread of every block. The caller holds the machine's lock. Throws
/// KernelError with the place in the grid.
void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, std::uint64_t seed,
              const std::function<void()>& kernel);

// Called in a kernel.
[[noreturn]] void kernel_error(const std::string& what);
[[nodiscard]] void* shared_memory();
[[nodiscard]] unsigned lane();
void wait_for_block();
void wait_for_warp(const char* instruction);

/// The copies of a warp-wide exchange: 32 slots of kSlotBytes, one for each lane.
inline constexpr std::size_t kSlotBytes = 64;
/// Gives `value` to the warp, waits for all lanes, and returns the slots; they stay as they are
/// until this lane comes to the next warp-wide instruction.
[[nodiscard]] const std::byte* exchange_bytes(const char* instruction, const void* value,
                                              std::size_t n_bytes);

void start_copy(void* shared, const void* global, bool valid);
void end_copy_group();
void wait_for_copy_groups(std::size_t n_pending);

/// Ends the kernel unless `address` is a multiple of `alignment`.
void check_alignment(const void* address, std::size_t alignment, const char* access);

}  // namespace isoflop::emulation
