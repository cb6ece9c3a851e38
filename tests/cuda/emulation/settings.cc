// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "block.h"
#include "emulated_device.h"
#include "machine.h"

namespace isoflop::emulation {

void reset() {
  const auto lock = lock_machine();
  machine().reset();
  (void)last_error(true);
  current_device() = 0;
}
void set_seed(std::uint64_t seed) {
  const auto lock = lock_machine();
  machine().random.seed(seed);
}
void set_device_count(int n) {
  const auto lock = lock_machine();
  machine().set_device_count(n);
}
void set_multiprocessor_count(int n) {
  const auto lock = lock_machine();
  machine().n_multiprocessors = n;
}
void set_memory_size(std::int64_t n_bytes) {
  const auto lock = lock_machine();
  machine().memory_size = n_bytes;
}
void fail_allocation(int n, cudaError_t error) {
  const auto lock = lock_machine();
  machine().allocation_fault = {n, error};
}
void fail_launch(int n, cudaError_t error) {
  const auto lock = lock_machine();
  machine().launch_fault = {n, error};
}
void set_patience(double seconds) {
  const auto lock = lock_machine();
  machine().patience_seconds = seconds;
}

Counters counters() {
  const auto lock = lock_machine();
  return machine().counters;
}
std::int64_t allocated_bytes() {
  const auto lock = lock_machine();
  return machine().allocated_bytes;
}
std::int64_t peak_allocated_bytes() {
  const auto lock = lock_machine();
  return machine().peak_allocated_bytes;
}
void count_heuristic_search() {
  const auto lock = lock_machine();
  ++machine().counters.heuristic_searches;
}
void count_matrix_product() {
  const auto lock = lock_machine();
  ++machine().counters.matrix_products;
}

std::unique_lock<std::recursive_mutex> lock_machine() { return std::unique_lock(machine().mutex); }

bool is_device_memory(const void* pointer, std::size_t n_bytes) {
  const auto lock = lock_machine();
  const Memory* found = machine().find_memory(pointer, n_bytes);
  return found != nullptr && found->device != kPinned;
}

cudaError_t enqueue(cudaStream_t handle, std::function<Progress()> work) {
  return api([&](Machine& m, Machine::Lock&) {
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    return m.append(*stream, std::move(work));
  });
}

namespace {

// Limits of compute capability 9.0 (CUDA C++ Programming Guide, "Technical Specifications").
bool is_legal(dim3 grid, dim3 block, std::size_t shared_bytes) {
  constexpr unsigned kMaxGridYz = 65535, kMaxBlockZ = 64;
  return grid.x <= 0x7fffffffu && grid.y <= kMaxGridYz && grid.z <= kMaxGridYz && block.x > 0 &&
         block.y > 0 && block.z > 0 && block.x <= kMaxThreads && block.y <= kMaxThreads &&
         block.z <= kMaxBlockZ && block.x * block.y * block.z <= kMaxThreads &&
         shared_bytes <= kMaxSharedBytes;
}

}  // namespace

cudaError_t enqueue_kernel(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t handle,
                           std::function<void()> thread) {
  return api([&](Machine& m, Machine::Lock&) {
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->device != current_device()) return cudaErrorInvalidResourceHandle;
    if (!is_legal(grid, block, shared_bytes)) return cudaErrorInvalidConfiguration;
    if (const cudaError_t fault = m.launch_fault.next(); fault != cudaSuccess) return fault;
    const std::int64_t number = ++m.counters.kernel_launches;
    return m.append(*stream, [=, thread = std::move(thread)] {
      ++machine().counters.kernels_run;
      try {
        run_grid(grid, block, shared_bytes, machine().random(), thread);
      } catch (const KernelError& e) {
        throw KernelError("kernel launch " + std::to_string(number) + ": " + e.what());
      }
      return Progress::done;
    });
  });
}

}  // namespace isoflop::emulation
