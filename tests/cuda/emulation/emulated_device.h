// SPDX-License-Identifier: Apache-2.0
// Settings and counters of the machine that emulates CUDA devices on the host.
//
// What is enqueued on a stream runs when somebody must wait for something, and then in an order
// drawn from the seed among all that streams, events and graphs allow: what forgot to wait for its
// inputs computes with other values under another seed. Memory and shared memory start as NaN.
//
// A kernel that does what is undefined on a device (a barrier that only some threads reach, a
// misaligned access) leaves the device failed, as on a real one: every later call returns
// cudaErrorLaunchFailure, and cudaGetErrorString says what happened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

#include <cuda_runtime_api.h>

namespace isoflop::emulation {

/// Back to one working device of 1 GiB and 4 multiprocessors, no faults, counters 0, seed 0. What
/// is enqueued is dropped; nobody may be waiting.
void reset();
/// Of the order of work, blocks and threads from now on.
void set_seed(std::uint64_t seed);
void set_device_count(int n);
void set_multiprocessor_count(int n);
/// Of each device. Allocations beyond it fail.
void set_memory_size(std::int64_t n_bytes);
/// Lets the n-th allocation (cudaMalloc, cudaMallocAsync, cudaHostAlloc) or launch from now on
/// fail; 1 is the next.
void fail_allocation(int n, cudaError_t error = cudaErrorMemoryAllocation);
void fail_launch(int n, cudaError_t error);
/// How long somebody may wait for work that is never ready, before the device counts as failed.
void set_patience(double seconds);

struct Counters {
  std::int64_t kernel_launches = 0;  // enqueued, captured ones included
  std::int64_t kernels_run = 0;      // those of graphs as often as they ran
  std::int64_t graph_launches = 0;
  std::int64_t allocations = 0;            // of device or pinned memory
  std::int64_t host_synchronisations = 0;  // calls that waited, cudaFree among them
  std::int64_t heuristic_searches = 0;     // cublasLtMatmulAlgoGetHeuristic
  std::int64_t matrix_products = 0;        // cublasLtMatmul
};
[[nodiscard]] Counters counters();
/// Of all devices, without pinned memory.
[[nodiscard]] std::int64_t allocated_bytes();
[[nodiscard]] std::int64_t peak_allocated_bytes();

// For other emulated libraries.
enum class Progress { done, not_ready };
/// Appends to a stream, or to the graph that it is captured into. The work runs under the machine's
/// lock; work that is not ready is tried again when other work is done or enqueued, and every
/// millisecond. A launch of a graph runs a copy of the work as it was captured.
cudaError_t enqueue(cudaStream_t stream, std::function<Progress()> work);
cudaError_t enqueue_kernel(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
                           std::function<void()> thread);
/// Under which work runs and all calls of the runtime work. Recursive; not to be held while
/// waiting.
[[nodiscard]] std::unique_lock<std::recursive_mutex> lock_machine();
/// Whether [pointer, pointer + n_bytes) lies in one allocation of a device.
[[nodiscard]] bool is_device_memory(const void* pointer, std::size_t n_bytes);
void count_heuristic_search();
void count_matrix_product();

}  // namespace isoflop::emulation
