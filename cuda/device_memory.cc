// SPDX-License-Identifier: Apache-2.0
#include "device_memory.h"

#include <algorithm>
#include <utility>

#include "cuda_error.h"
#include "isoflop/error.h"

namespace isoflop {

DeviceMemory::DeviceMemory(std::int64_t n_bytes, std::shared_ptr<MemoryUse> use,
                           cudaStream_t stream)
    : n_bytes_(std::max<std::int64_t>(n_bytes, 1)), use_(std::move(use)) {
  const auto size = static_cast<std::size_t>(n_bytes_);
  ISOFLOP_CUDA(cudaMalloc(&data_, size));
  const cudaError_t cleared = cudaMemsetAsync(data_, 0, size, stream);
  if (cleared != cudaSuccess) (void)cudaFree(data_);
  ISOFLOP_CUDA(cleared);
  use_->n_bytes += n_bytes_;
  use_->peak = std::max(use_->peak, use_->n_bytes);
}

DeviceMemory::~DeviceMemory() {
  (void)cudaFree(data_);
  use_->n_bytes -= n_bytes_;
}

void* Workspace::at_least(std::int64_t n_bytes, cudaStream_t stream) {
  if (n_bytes > n_bytes_ || blocks_.empty()) {
    ISOFLOP_CHECK(!is_capturing(stream), "what is captured must have run before");
    if (!is_kept_) blocks_.clear();
    blocks_.push_back(std::make_unique<DeviceMemory>(n_bytes, use_, stream));
    n_bytes_ = n_bytes;
  }
  return blocks_.back()->data();
}

PinnedStaging::PinnedStaging(std::int64_t n_bytes, int device, cudaStream_t stream)
    : n_bytes_(static_cast<std::size_t>(n_bytes)),
      device_(device),
      stream_(stream),
      done_(make_event()) {
  ISOFLOP_CUDA(cudaHostAlloc(&data_, std::max<std::size_t>(n_bytes_, 1), cudaHostAllocDefault));
}

PinnedStaging::~PinnedStaging() {
  (void)cudaEventSynchronize(done_.get());
  (void)cudaFreeHost(data_);
}

void* PinnedStaging::wait() {
  ISOFLOP_CUDA(cudaEventSynchronize(done_.get()));
  return data_;
}

void PinnedStaging::send(void* device) { copy(device, data_); }
void PinnedStaging::fetch(const void* device) { copy(data_, device); }

void PinnedStaging::copy(void* to, const void* from) {
  ISOFLOP_CUDA(cudaSetDevice(device_));
  ISOFLOP_CUDA(cudaMemcpyAsync(to, from, n_bytes_, cudaMemcpyDefault, stream_));
  ISOFLOP_CUDA(cudaEventRecord(done_.get(), stream_));
}

}  // namespace isoflop
