// SPDX-License-Identifier: Apache-2.0
#include "support/count_memory.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

std::atomic<std::int64_t> n_allocations{0}, live_bytes{0}, peak_bytes{0};

void* counted(void* memory) {
  if (memory == nullptr) return nullptr;
  ++n_allocations;
  const std::int64_t live = live_bytes += static_cast<std::int64_t>(malloc_usable_size(memory));
  std::int64_t peak = peak_bytes;
  while (live > peak && !peak_bytes.compare_exchange_weak(peak, live)) {
  }
  return memory;
}

void* counted_or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return counted(memory);
}

void release(void* memory) {
  if (memory != nullptr) live_bytes -= static_cast<std::int64_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t n) { return counted_or_throw(std::malloc(n > 0 ? n : 1)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  return counted(std::malloc(n > 0 ? n : 1));
}
void* operator new(std::size_t n, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  return counted_or_throw(std::aligned_alloc(unit, (n + unit - 1) / unit * unit));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace isoflop::test {

MemoryCount count_memory() { return {n_allocations, live_bytes, peak_bytes}; }
void reset_peak() { peak_bytes = live_bytes.load(); }

}  // namespace isoflop::test
