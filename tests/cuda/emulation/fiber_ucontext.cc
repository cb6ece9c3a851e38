// SPDX-License-Identifier: Apache-2.0
// For processors without a switch of their own: slower, as it asks the kernel for the signal mask.
#include <new>

#include <ucontext.h>

#include "fiber.h"

namespace isoflop::emulation {

void* first_place(std::byte* stack, std::size_t stack_bytes, void (*entry)()) {
  // The context lies at the stack's end.
  constexpr std::size_t kContextBytes = (sizeof(ucontext_t) + 63) / 64 * 64;
  auto* context = new (stack + stack_bytes - kContextBytes) ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = stack;
  context->uc_stack.ss_size = stack_bytes - kContextBytes;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}

void swap_places(void** from, void* to) {
  ucontext_t here;
  *from = &here;
  swapcontext(&here, static_cast<ucontext_t*>(to));
}

}  // namespace isoflop::emulation
