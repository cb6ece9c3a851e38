// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "fiber.h"

// System V calling convention: rbx, rbp and r12 to r15 belong to the caller; a place is the stack
// pointer under which they lie.
asm(R"(
.text
.p2align 4
.globl isoflop_swap_places
.type isoflop_swap_places, @function
isoflop_swap_places:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size isoflop_swap_places, .-isoflop_swap_places
)");
extern "C" void isoflop_swap_places(void** from, void* to);

namespace isoflop::emulation {

void* first_place(std::byte* stack, std::size_t stack_bytes, void (*entry)()) {
  auto* top = reinterpret_cast<std::uintptr_t*>(stack + stack_bytes);
  // The entry finds the stack as after a call: 8 bytes off a multiple of 16, where a return address
  // of 0 ends a debugger's walk.
  *--top = 0;
  *--top = reinterpret_cast<std::uintptr_t>(entry);
  for (int i = 0; i < 6; ++i) *--top = 0;
  return top;
}

void swap_places(void** from, void* to) { isoflop_swap_places(from, to); }

}  // namespace isoflop::emulation
