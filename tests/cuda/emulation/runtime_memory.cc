// SPDX-License-Identifier: Apache-2.0
// libcudart: memory and copies.
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "machine.h"

namespace isoflop::emulation {
namespace {

bool is_legal_end(Machine& m, const void* pointer, std::size_t n_bytes, bool on_device) {
  const Memory* found = m.find_memory(pointer, n_bytes);
  if (on_device) return found != nullptr;  // pinned memory has one address everywhere
  return found == nullptr || found->device == kPinned;
}

struct Copy2d {
  void* to;
  std::size_t to_pitch;
  const void* from;
  std::size_t from_pitch, width, height;

  void run() const {
    for (std::size_t row = 0; row < height; ++row)
      std::memcpy(static_cast<std::byte*>(to) + row * to_pitch,
                  static_cast<const std::byte*>(from) + row * from_pitch, width);
  }
  [[nodiscard]] std::size_t to_bytes() const { return (height - 1) * to_pitch + width; }
  [[nodiscard]] std::size_t from_bytes() const { return (height - 1) * from_pitch + width; }
};

/// Copies from pageable memory read it before they return, those to it wait until it is written
/// ("API synchronization behavior" of the runtime's manual); all others only enqueue.
cudaError_t copy(Machine& m, Machine::Lock& lock, Copy2d what, cudaMemcpyKind kind,
                 cudaStream_t handle, bool waits) {
  CUstream_st* stream = m.stream_of(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (waits)
    if (const cudaError_t unsafe = m.check_unsafe_call(); unsafe != cudaSuccess) return unsafe;
  if (what.width == 0 || what.height == 0) return cudaSuccess;
  const bool from_known = m.find_memory(what.from, what.from_bytes()) != nullptr;
  const bool to_known = m.find_memory(what.to, what.to_bytes()) != nullptr;
  const bool any = kind == cudaMemcpyDefault;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  if (!any && (!is_legal_end(m, what.from, what.from_bytes(), from_device) ||
               !is_legal_end(m, what.to, what.to_bytes(), to_device)))
    return cudaErrorInvalidValue;
  Work work = [what] {
    what.run();
    return Progress::done;
  };
  if (!from_known && !stream->capture) {
    auto staged = std::make_shared<std::vector<std::byte>>(what.from_bytes());
    std::memcpy(staged->data(), what.from, staged->size());
    what.from = staged->data();
    work = [what, staged] {
      what.run();
      return Progress::done;
    };
  }
  TicketPtr ticket;
  if (const cudaError_t status = m.append(*stream, std::move(work), &ticket); status != cudaSuccess)
    return status;
  if (!waits && (to_known || stream->capture)) return cudaSuccess;
  return m.wait_for(lock, stream->device, ticket);
}

Copy2d flat(void* to, const void* from, std::size_t n_bytes) {
  return {to, n_bytes, from, n_bytes, n_bytes, 1};
}

cudaError_t set(Machine& m, Machine::Lock& lock, void* to, int value, std::size_t n_bytes,
                cudaStream_t handle, bool waits) {
  CUstream_st* stream = m.stream_of(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (n_bytes == 0) return cudaSuccess;
  if (m.find_memory(to, n_bytes) == nullptr) return cudaErrorInvalidValue;
  TicketPtr ticket;
  const cudaError_t status = m.append(
      *stream,
      [=] {
        std::memset(to, value, n_bytes);
        return Progress::done;
      },
      &ticket);
  return status == cudaSuccess && waits ? m.wait_for(lock, stream->device, ticket) : status;
}

cudaError_t allocate(Machine& m, void** pointer, std::size_t n_bytes, int device) {
  *pointer = nullptr;
  if (const cudaError_t unsafe = m.check_unsafe_call(); unsafe != cudaSuccess) return unsafe;
  if (const cudaError_t failed = m.status(current_device()); failed != cudaSuccess) return failed;
  return m.allocate(pointer, n_bytes, device);
}

/// Waits for all work, and frees even where that fails: a failed device leaks nothing here.
cudaError_t release(Machine& m, Machine::Lock& lock, void* pointer, bool pinned) {
  if (pointer == nullptr) return cudaSuccess;
  if (const cudaError_t unsafe = m.check_unsafe_call(); unsafe != cudaSuccess) return unsafe;
  const Memory* found = m.find_memory(pointer, 0);
  if (found == nullptr || (found->device == kPinned) != pinned) return cudaErrorInvalidValue;
  const int device = pinned ? current_device() : found->device;
  const cudaError_t status = m.wait_for_device(lock, device);
  if (!m.release(pointer)) return cudaErrorInvalidValue;
  return status;
}

}  // namespace
}  // namespace isoflop::emulation

using isoflop::emulation::api;
using isoflop::emulation::current_device;
using isoflop::emulation::kPinned;
using isoflop::emulation::Machine;
using isoflop::emulation::Progress;

extern "C" {

cudaError_t cudaMalloc(void** pointer, std::size_t n_bytes) {
  return api([&](Machine& m, Machine::Lock&) {
    return isoflop::emulation::allocate(m, pointer, n_bytes, current_device());
  });
}
cudaError_t cudaFree(void* pointer) {
  return api([&](Machine& m, Machine::Lock& lock) {
    return isoflop::emulation::release(m, lock, pointer, false);
  });
}
cudaError_t cudaHostAlloc(void** pointer, std::size_t n_bytes, unsigned) {
  return api([&](Machine& m, Machine::Lock&) {
    return isoflop::emulation::allocate(m, pointer, n_bytes, kPinned);
  });
}
cudaError_t cudaMallocHost(void** pointer, std::size_t n_bytes) {
  return cudaHostAlloc(pointer, n_bytes, 0);
}
cudaError_t cudaFreeHost(void* pointer) {
  return api([&](Machine& m, Machine::Lock& lock) {
    return isoflop::emulation::release(m, lock, pointer, true);
  });
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t n_bytes, cudaStream_t handle) {
  return api([&](Machine& m, Machine::Lock&) {
    *pointer = nullptr;
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->capture) return cudaErrorNotSupported;  // by the emulation
    return m.allocate(pointer, n_bytes, stream->device);
  });
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t handle) {
  return api([&](Machine& m, Machine::Lock&) {
    if (pointer == nullptr) return cudaSuccess;
    CUstream_st* stream = m.stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->capture) return cudaErrorNotSupported;
    return m.append(*stream, [pointer] {
      (void)isoflop::emulation::machine().release(pointer);
      return Progress::done;
    });
  });
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return api([&](Machine& m, Machine::Lock&) {
    if (const cudaError_t failed = m.status(current_device()); failed != cudaSuccess) return failed;
    const auto device = static_cast<std::size_t>(current_device());
    *total = static_cast<std::size_t>(m.memory_size);
    *free = static_cast<std::size_t>(m.memory_size - m.devices[device].allocated_bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  return api([&](Machine& m, Machine::Lock&) {
    *attributes = {};
    const auto* found = m.find_memory(pointer, 0);
    if (found == nullptr) return cudaSuccess;  // type 0: unregistered
    attributes->type = found->device == kPinned ? cudaMemoryTypeHost : cudaMemoryTypeDevice;
    attributes->device = found->device == kPinned ? current_device() : found->device;
    attributes->devicePointer = const_cast<void*>(pointer);
    if (found->device == kPinned) attributes->hostPointer = const_cast<void*>(pointer);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t n_bytes, cudaMemcpyKind kind) {
  return api([&](Machine& m, Machine::Lock& lock) {
    const auto what = isoflop::emulation::flat(to, from, n_bytes);
    return isoflop::emulation::copy(m, lock, what, kind, nullptr, true);
  });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t n_bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return api([&](Machine& m, Machine::Lock& lock) {
    const auto what = isoflop::emulation::flat(to, from, n_bytes);
    return isoflop::emulation::copy(m, lock, what, kind, stream, false);
  });
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t width, std::size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  return api([&](Machine& m, Machine::Lock& lock) {
    if (to_pitch < width || from_pitch < width) return cudaErrorInvalidPitchValue;
    return isoflop::emulation::copy(m, lock, {to, to_pitch, from, from_pitch, width, height}, kind,
                                    stream, false);
  });
}
cudaError_t cudaMemcpyPeerAsync(void* to, int, const void* from, int, std::size_t n_bytes,
                                cudaStream_t stream) {
  return cudaMemcpyAsync(to, from, n_bytes, cudaMemcpyDeviceToDevice, stream);
}

cudaError_t cudaMemset(void* to, int value, std::size_t n_bytes) {
  return api([&](Machine& m, Machine::Lock& lock) {
    if (const cudaError_t unsafe = m.check_unsafe_call(); unsafe != cudaSuccess) return unsafe;
    return isoflop::emulation::set(m, lock, to, value, n_bytes, nullptr, true);
  });
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t n_bytes, cudaStream_t stream) {
  return api([&](Machine& m, Machine::Lock& lock) {
    return isoflop::emulation::set(m, lock, to, value, n_bytes, stream, false);
  });
}

}  // extern "C"
