// SPDX-License-Identifier: Apache-2.0
// The emulated machine: devices, their memory, and the work enqueued on streams. Everything happens
// under one lock.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "emulated_device.h"

namespace isoflop::emulation {

using Work = std::function<Progress()>;

struct Item;
/// The completion of one item of work.
struct Ticket {
  bool is_done = false;
  std::chrono::steady_clock::time_point when;
  std::vector<std::shared_ptr<Item>> dependents;
};
using TicketPtr = std::shared_ptr<Ticket>;

struct Item {
  Work work;
  TicketPtr ticket;
  int device = 0;
  std::int64_t number = 0;  // in the order of submission
  int n_unmet = 0;          // dependencies that are not done
};

/// A graph, as it is captured: nodes in order, each behind some before it.
struct GraphNode {
  Work work;
  std::vector<std::size_t> dependencies;
};

struct Capture {
  std::vector<GraphNode> nodes;
  CUstream_st* origin = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::uint64_t thread = 0;  // who began it
  std::set<CUstream_st*> streams;
  bool is_valid = true, is_over = false;
};

struct Memory {
  std::size_t n_bytes;
  int device;  // kPinned: of the host
};
inline constexpr int kPinned = -1;

struct Device {
  std::int64_t allocated_bytes = 0;
  std::set<std::int64_t> unfinished;  // items of work, by number
  std::unique_ptr<CUstream_st> default_stream;
  std::set<int> peers;
  std::string failure;  // none: works
};

struct Fault {
  int countdown = 0;
  cudaError_t error = cudaSuccess;
  /// The fault, where it is due now.
  [[nodiscard]] cudaError_t next();
};

class Machine {
 public:
  Machine();

  std::recursive_mutex mutex;

  // Settings.
  std::vector<Device> devices;
  std::int64_t memory_size = 0;
  int n_multiprocessors = 0;
  double patience_seconds = 0;
  std::mt19937_64 random;
  Fault allocation_fault, launch_fault;
  Counters counters;
  std::int64_t allocated_bytes = 0, peak_allocated_bytes = 0;

  void reset();
  void set_device_count(int n);

  // Memory, by address.
  std::map<std::uintptr_t, Memory> memory;
  /// The allocation that holds [pointer, pointer + n_bytes).
  [[nodiscard]] const Memory* find_memory(const void* pointer, std::size_t n_bytes) const;
  [[nodiscard]] cudaError_t allocate(void** pointer, std::size_t n_bytes, int device);
  /// False: never allocated.
  [[nodiscard]] bool release(void* pointer);

  // Streams.
  std::set<CUstream_st*> streams;  // those created
  std::set<std::shared_ptr<Capture>> captures;
  /// Null where there is no such stream.
  [[nodiscard]] CUstream_st* stream_of(cudaStream_t stream);
  /// Appends to the stream or its graph; `ticket` gets the completion of what was not captured.
  [[nodiscard]] cudaError_t append(CUstream_st& stream, Work work, TicketPtr* ticket = nullptr);
  TicketPtr submit(Work work, const std::vector<TicketPtr>& dependencies, int device);
  /// Whether a call that may wait for any work is legal while streams are captured; where it is
  /// not, those captures are lost.
  [[nodiscard]] cudaError_t check_unsafe_call();

  // Waiting runs work, of all streams.
  using Lock = std::unique_lock<std::recursive_mutex>;
  [[nodiscard]] cudaError_t wait_until(Lock& lock, int device,
                                       const std::function<bool()>& is_over);
  [[nodiscard]] cudaError_t wait_for(Lock& lock, int device, const TicketPtr& ticket);
  [[nodiscard]] cudaError_t wait_for_device(Lock& lock, int device);
  /// Runs an item, if the dice say so: for polling.
  void maybe_run_one();

  [[nodiscard]] cudaError_t status(int device) const;

 private:
  /// Runs one item that is ready, if there is one; whether it is done now.
  bool run_one();
  void complete(const Item& item);
  void forget_work();

  std::condition_variable_any changed_;
  std::int64_t n_submitted_ = 0;
  std::vector<std::shared_ptr<Item>> ready_, stalled_;
};

[[nodiscard]] Machine& machine();

/// Of the calling thread.
[[nodiscard]] int& current_device();
[[nodiscard]] std::uint64_t thread_number();
/// Kept for cudaGetLastError.
cudaError_t remember(cudaError_t status);
[[nodiscard]] cudaError_t last_error(bool forget);

/// One call of the runtime.
template <class Call>
cudaError_t api(Call call) {
  Machine::Lock lock(machine().mutex);
  return remember(call(machine(), lock));
}

}  // namespace isoflop::emulation

// The types that the runtime's handles point to.
struct CUstream_st {
  int device = 0;
  bool waits_for_default = false;  // "blocking": in order with the default stream
  int priority = 0;
  isoflop::emulation::TicketPtr tail;
  std::shared_ptr<isoflop::emulation::Capture> capture;
  std::vector<std::size_t> frontier;  // nodes behind which the next is captured
};
struct CUevent_st {
  int device = 0;
  bool has_time = true;
  isoflop::emulation::TicketPtr ticket;
  std::shared_ptr<isoflop::emulation::Capture> capture;
  std::vector<std::size_t> frontier;
};
struct CUgraph_st {
  std::vector<isoflop::emulation::GraphNode> nodes;
};
struct CUgraphExec_st {
  std::vector<isoflop::emulation::GraphNode> nodes;
  isoflop::emulation::TicketPtr last;
};
