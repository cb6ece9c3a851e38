// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>

#include "cuda_error.h"

namespace isoflop::test {

/// An array in the memory of the current device, which begins `offset` elements into an allocation.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size, std::size_t offset = 0) : size_(size), offset_(offset) {
    ISOFLOP_CUDA(cudaMalloc(&memory_, (offset + size) * sizeof(T)));
  }
  explicit DeviceArray(const std::vector<T>& values, std::size_t offset = 0)
      : DeviceArray(values.size(), offset) {
    ISOFLOP_CUDA(cudaMemcpy(data(), values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
    ISOFLOP_CUDA(cudaStreamSynchronize(nullptr));  // streams that do not block would not wait
  }
  DeviceArray(DeviceArray&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        size_(other.size_),
        offset_(other.offset_) {}
  ~DeviceArray() { (void)cudaFree(memory_); }

  [[nodiscard]] T* data() const { return static_cast<T*>(memory_) + offset_; }
  /// After all work.
  [[nodiscard]] std::vector<T> values() const {
    ISOFLOP_CUDA(cudaDeviceSynchronize());
    std::vector<T> values(size_);
    ISOFLOP_CUDA(cudaMemcpy(values.data(), data(), size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  void* memory_ = nullptr;
  std::size_t size_, offset_;
};

class Stream {
 public:
  Stream() { ISOFLOP_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { (void)cudaStreamDestroy(stream_); }
  operator cudaStream_t() const { return stream_; }  // NOLINT: stands for its handle

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event() { ISOFLOP_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { (void)cudaEventDestroy(event_); }
  operator cudaEvent_t() const { return event_; }  // NOLINT: stands for its handle

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace isoflop::test
