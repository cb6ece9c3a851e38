// SPDX-License-Identifier: Apache-2.0
// Threads of execution that hand the processor to each other by name.
#pragma once

#include <cstddef>

namespace isoflop::emulation {

/// A stack and where its execution was left. One without a stack of its own stands for the thread
/// of the operating system that starts the others.
struct Fiber {
  void* place = nullptr;
  std::byte* stack = nullptr;
  std::size_t stack_bytes = 0;
  void* sanitizer_stack = nullptr;
};

/// `fiber` will call entry(), which must end in leave_for(), when it is first switched to.
void prepare_fiber(Fiber& fiber, void (*entry)());
/// Goes on where `to` was left; returns when somebody switches to `from`.
void switch_fiber(Fiber& from, Fiber& to);
[[noreturn]] void leave_for(Fiber& from, Fiber& to);
/// Forgets what address sanitizers know of a stack whose fiber will not go on.
void abandon_fiber(Fiber& fiber);

/// Memory for stacks, each above a page that must not be touched.
[[nodiscard]] std::byte* allocate_stacks(std::size_t n, std::size_t stack_bytes);

// By processor.
/// Where a fiber starts that calls entry() on this stack.
[[nodiscard]] void* first_place(std::byte* stack, std::size_t stack_bytes, void (*entry)());
void swap_places(void** from, void* to);

}  // namespace isoflop::emulation
