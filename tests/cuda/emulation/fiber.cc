// SPDX-License-Identifier: Apache-2.0
#include "fiber.h"

#include <cstdlib>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

// Of the address sanitizer, where the program is built with it: which stack is in use.
extern "C" {
__attribute__((weak)) void __sanitizer_start_switch_fiber(void** sanitizer_stack,
                                                          const void* bottom, std::size_t size);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void* sanitizer_stack,
                                                           const void** old_bottom,
                                                           std::size_t* old_size);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void* begin,
                                                         std::size_t size);
}

namespace isoflop::emulation {
namespace {

// Set by whoever switches, read by who goes on: all under the lock of the emulated machine.
Fiber* left_last = nullptr;

void announce(void** sanitizer_stack, Fiber& from, const Fiber& to) {
  left_last = &from;
  if (__sanitizer_start_switch_fiber != nullptr)
    __sanitizer_start_switch_fiber(sanitizer_stack, to.stack, to.stack_bytes);
}

void arrive(void* sanitizer_stack) {
  if (__sanitizer_finish_switch_fiber == nullptr) return;
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(sanitizer_stack, &bottom, &size);
  if (left_last->stack != nullptr) return;
  left_last->stack = static_cast<std::byte*>(const_cast<void*>(bottom));
  left_last->stack_bytes = size;
}

void (*fiber_entry)() = nullptr;
void enter() {
  arrive(nullptr);
  fiber_entry();
}

}  // namespace

void prepare_fiber(Fiber& fiber, void (*entry)()) {
  fiber_entry = entry;
  fiber.place = first_place(fiber.stack, fiber.stack_bytes, enter);
}

void switch_fiber(Fiber& from, Fiber& to) {
  announce(&from.sanitizer_stack, from, to);
  swap_places(&from.place, to.place);
  arrive(from.sanitizer_stack);
}

void leave_for(Fiber& from, Fiber& to) {
  announce(nullptr, from, to);
  swap_places(&from.place, to.place);
  std::abort();
}

void abandon_fiber(Fiber& fiber) {
  if (__asan_unpoison_memory_region != nullptr)
    __asan_unpoison_memory_region(fiber.stack, fiber.stack_bytes);
}

std::byte* allocate_stacks(std::size_t n, std::size_t stack_bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, n * stack_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  auto* stacks = static_cast<std::byte*>(memory);
  for (std::size_t i = 0; i < n; ++i) mprotect(stacks + i * stack_bytes, page, PROT_NONE);
  return stacks;
}

}  // namespace isoflop::emulation
