// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "block.h"

namespace isoflop::emulation {
namespace {

constexpr std::align_val_t kMemoryAlignment{256};  // of cudaMalloc

}  // namespace

Machine& machine() {
  static Machine only;
  return only;
}

int& current_device() {
  thread_local int device = 0;
  return device;
}

std::uint64_t thread_number() {
  static std::atomic<std::uint64_t> n_threads{0};
  thread_local const std::uint64_t number = ++n_threads;
  return number;
}

namespace {
thread_local cudaError_t last = cudaSuccess;
}
cudaError_t remember(cudaError_t status) {
  if (status != cudaSuccess && status != cudaErrorNotReady) last = status;
  return status;
}
cudaError_t last_error(bool forget) { return forget ? std::exchange(last, cudaSuccess) : last; }

cudaError_t Fault::next() {
  if (countdown == 0 || --countdown > 0) return cudaSuccess;
  return error;
}

Machine::Machine() { reset(); }

void Machine::reset() {
  forget_work();
  memory_size = std::int64_t{1} << 30;
  n_multiprocessors = 4;
  patience_seconds = 30;
  random.seed(0);
  allocation_fault = launch_fault = {};
  counters = {};
  for (Device& device : devices) device.failure.clear();
  set_device_count(1);
  peak_allocated_bytes = allocated_bytes;
}

void Machine::set_device_count(int n) {
  devices.resize(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    auto& stream = devices[static_cast<std::size_t>(i)].default_stream;
    if (!stream) stream = std::make_unique<CUstream_st>();
    stream->device = i;
  }
}

void Machine::forget_work() {
  ready_.clear();
  stalled_.clear();
  captures.clear();
  for (Device& device : devices) {
    device.unfinished.clear();
    device.default_stream->tail.reset();
  }
  for (CUstream_st* stream : streams) {
    stream->tail.reset();
    stream->capture.reset();
  }
}

const Memory* Machine::find_memory(const void* pointer, std::size_t n_bytes) const {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  auto after = memory.upper_bound(address);
  if (after == memory.begin()) return nullptr;
  const auto& [begin, allocation] = *std::prev(after);
  const std::size_t offset = address - begin;
  return offset <= allocation.n_bytes && n_bytes <= allocation.n_bytes - offset ? &allocation
                                                                                : nullptr;
}

cudaError_t Machine::allocate(void** pointer, std::size_t n_bytes, int device) {
  *pointer = nullptr;
  ++counters.allocations;
  if (const cudaError_t fault = allocation_fault.next(); fault != cudaSuccess) return fault;
  if (n_bytes == 0) return cudaSuccess;
  const auto size = static_cast<std::int64_t>(n_bytes);
  if (device != kPinned) {
    std::int64_t& used = devices[static_cast<std::size_t>(device)].allocated_bytes;
    if (size > memory_size - used) return cudaErrorMemoryAllocation;
    used += size;
    allocated_bytes += size;
    peak_allocated_bytes = std::max(peak_allocated_bytes, allocated_bytes);
  }
  *pointer = ::operator new(n_bytes, kMemoryAlignment);
  std::memset(*pointer, 0xff, n_bytes);
  memory[reinterpret_cast<std::uintptr_t>(*pointer)] = {n_bytes, device};
  return cudaSuccess;
}

bool Machine::release(void* pointer) {
  const auto at = memory.find(reinterpret_cast<std::uintptr_t>(pointer));
  if (at == memory.end()) return false;
  if (at->second.device != kPinned) {
    const auto size = static_cast<std::int64_t>(at->second.n_bytes);
    devices[static_cast<std::size_t>(at->second.device)].allocated_bytes -= size;
    allocated_bytes -= size;
  }
  memory.erase(at);
  ::operator delete(pointer, kMemoryAlignment);
  return true;
}

CUstream_st* Machine::stream_of(cudaStream_t stream) {
  if (stream == nullptr || stream == cudaStreamLegacy) {
    const auto device = static_cast<std::size_t>(current_device());
    return device < devices.size() ? devices[device].default_stream.get() : nullptr;
  }
  return streams.contains(stream) ? stream : nullptr;
}

cudaError_t Machine::append(CUstream_st& stream, Work work, TicketPtr* ticket) {
  if (const cudaError_t failed = status(stream.device); failed != cudaSuccess) return failed;
  if (stream.capture) {
    if (!stream.capture->is_valid) return cudaErrorStreamCaptureInvalidated;
    auto& nodes = stream.capture->nodes;
    nodes.push_back({std::move(work), stream.frontier});
    stream.frontier = {nodes.size() - 1};
    return cudaSuccess;
  }
  CUstream_st& of_device = *devices[static_cast<std::size_t>(stream.device)].default_stream;
  std::vector<TicketPtr> dependencies{stream.tail};
  if (stream.waits_for_default) dependencies.push_back(of_device.tail);
  if (&stream == &of_device) {
    for (CUstream_st* other : streams) {
      if (other->device != stream.device || !other->waits_for_default) continue;
      if (other->capture) {
        other->capture->is_valid = false;
        return cudaErrorStreamCaptureImplicit;
      }
      dependencies.push_back(other->tail);
    }
  }
  stream.tail = submit(std::move(work), dependencies, stream.device);
  if (ticket != nullptr) *ticket = stream.tail;
  return cudaSuccess;
}

TicketPtr Machine::submit(Work work, const std::vector<TicketPtr>& dependencies, int device) {
  auto item = std::make_shared<Item>();
  item->work = std::move(work);
  item->ticket = std::make_shared<Ticket>();
  item->device = device;
  for (const TicketPtr& dependency : dependencies) {
    if (!dependency || dependency->is_done) continue;
    dependency->dependents.push_back(item);
    ++item->n_unmet;
  }
  item->number = n_submitted_++;
  devices[static_cast<std::size_t>(device)].unfinished.insert(item->number);
  if (item->n_unmet == 0) ready_.push_back(item);
  changed_.notify_all();
  return item->ticket;
}

void Machine::complete(const Item& item) {
  devices[static_cast<std::size_t>(item.device)].unfinished.erase(item.number);
  item.ticket->is_done = true;
  item.ticket->when = std::chrono::steady_clock::now();
  for (const auto& dependent : item.ticket->dependents)
    if (--dependent->n_unmet == 0) ready_.push_back(dependent);
  item.ticket->dependents.clear();
  ready_.insert(ready_.end(), stalled_.begin(), stalled_.end());
  stalled_.clear();
  changed_.notify_all();
}

bool Machine::run_one() {
  if (ready_.empty()) return false;
  const std::size_t at = random() % ready_.size();
  std::swap(ready_[at], ready_.back());
  const std::shared_ptr<Item> item = std::move(ready_.back());
  ready_.pop_back();
  std::string& failure = devices[static_cast<std::size_t>(item->device)].failure;
  Progress progress = Progress::done;
  try {
    if (failure.empty()) progress = item->work();  // a failed device does nothing any more
  } catch (const std::exception& e) {
    failure = e.what();
  }
  if (progress == Progress::done) {
    complete(*item);
  } else {
    stalled_.push_back(item);
  }
  return progress == Progress::done;
}

void Machine::maybe_run_one() {
  if ((random() & 1) != 0) return;
  ready_.insert(ready_.end(), stalled_.begin(), stalled_.end());
  stalled_.clear();
  (void)run_one();
}

cudaError_t Machine::wait_until(Lock& lock, int device, const std::function<bool()>& is_over) {
  ++counters.host_synchronisations;
  using Clock = std::chrono::steady_clock;
  const auto limit = std::chrono::duration<double>(patience_seconds);
  Clock::time_point progress_at = Clock::now();
  while (!is_over()) {
    if (!ready_.empty()) {
      if (run_one()) progress_at = Clock::now();
      lock.unlock();  // lets other threads enqueue what may run in between
      lock.lock();
      continue;
    }
    changed_.wait_for(lock, std::chrono::milliseconds(1));
    ready_.insert(ready_.end(), stalled_.begin(), stalled_.end());
    stalled_.clear();
    if (Clock::now() - progress_at > limit) {
      devices[static_cast<std::size_t>(device)].failure = "waits for work that is never ready";
      break;
    }
  }
  return status(device);
}

cudaError_t Machine::wait_for(Lock& lock, int device, const TicketPtr& ticket) {
  return wait_until(lock, device, [&] { return !ticket || ticket->is_done; });
}
cudaError_t Machine::wait_for_device(Lock& lock, int device) {
  // For what was submitted before: other threads may go on submitting.
  return wait_until(lock, device, [&, end = n_submitted_] {
    const auto& unfinished = devices[static_cast<std::size_t>(device)].unfinished;
    return unfinished.empty() || *unfinished.begin() >= end;
  });
}

cudaError_t Machine::check_unsafe_call() {
  cudaError_t status = cudaSuccess;
  for (const auto& capture : captures) {
    const bool is_own = capture->thread == thread_number();
    if (capture->mode == cudaStreamCaptureModeRelaxed ||
        (capture->mode == cudaStreamCaptureModeThreadLocal && !is_own))
      continue;
    capture->is_valid = false;
    status = cudaErrorStreamCaptureUnsupported;
  }
  return status;
}

cudaError_t Machine::status(int device) const {
  const auto at = static_cast<std::size_t>(device);
  if (at >= devices.size()) return devices.empty() ? cudaErrorNoDevice : cudaErrorInvalidDevice;
  return devices[at].failure.empty() ? cudaSuccess : cudaErrorLaunchFailure;
}

}  // namespace isoflop::emulation
