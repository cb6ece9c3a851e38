// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <cuda_runtime_api.h>

#include "stream.h"
#include "train/contract/backend.h"

namespace isoflop {

/// Bytes of device memory that are allocated, and the most that were.
struct MemoryUse {
  std::int64_t n_bytes = 0, peak = 0;
};

/// Device memory, zero when the stream gets to it; freed, after all work of the device, with the
/// object.
class DeviceMemory final : public Buffer {
 public:
  /// On the current device. Throws std::bad_alloc where it is full.
  DeviceMemory(std::int64_t n_bytes, std::shared_ptr<MemoryUse> use, cudaStream_t stream);
  ~DeviceMemory() override;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  [[nodiscard]] void* data() override { return data_; }

 private:
  void* data_ = nullptr;
  std::int64_t n_bytes_;
  std::shared_ptr<MemoryUse> use_;
};

/// Memory for what an operation needs while it runs. Grows.
class Workspace {
 public:
  explicit Workspace(std::shared_ptr<MemoryUse> use) : use_(std::move(use)) {}
  /// Aligned to 256 bytes. Must not have to grow while the stream is being captured: what is
  /// captured has run before.
  [[nodiscard]] void* at_least(std::int64_t n_bytes, cudaStream_t stream);
  /// Graphs refer to it from now on: what is too small stays until the end.
  void keep() { is_kept_ = true; }

 private:
  std::shared_ptr<MemoryUse> use_;
  std::int64_t n_bytes_ = 0;
  bool is_kept_ = false;
  std::vector<std::unique_ptr<DeviceMemory>> blocks_;
};

/// Page-locked host memory, from which and to which a stream copies while the host goes on.
class PinnedStaging final : public Staging {
 public:
  PinnedStaging(std::int64_t n_bytes, int device, cudaStream_t stream);
  /// Waits for copies under way.
  ~PinnedStaging() override;
  PinnedStaging(const PinnedStaging&) = delete;
  PinnedStaging& operator=(const PinnedStaging&) = delete;
  [[nodiscard]] void* wait() override;
  void send(void* device) override;
  void fetch(const void* device) override;

 private:
  void copy(void* to, const void* from);

  std::size_t n_bytes_;
  int device_;
  cudaStream_t stream_;
  Event done_;
  void* data_ = nullptr;
};

}  // namespace isoflop
