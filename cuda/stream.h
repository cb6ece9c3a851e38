// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <type_traits>

#include <cuda_runtime_api.h>

#include "cuda_error.h"

namespace isoflop {

/// Deletes by a call of the runtime. What it says is of no use: errors of earlier work come back
/// from whatever waits for it.
template <auto kDestroy>
struct CudaDelete {
  template <class Handle>
  void operator()(Handle* handle) const {
    (void)kDestroy(handle);
  }
};

using Stream = std::unique_ptr<std::remove_pointer_t<cudaStream_t>, CudaDelete<cudaStreamDestroy>>;
using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, CudaDelete<cudaEventDestroy>>;
using Graph = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, CudaDelete<cudaGraphDestroy>>;
using GraphExecutable =
    std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, CudaDelete<cudaGraphExecDestroy>>;

/// On the current device; does not wait for the default stream, nor the other way round.
[[nodiscard]] inline Stream make_stream() {
  cudaStream_t stream = nullptr;
  ISOFLOP_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return Stream(stream);
}
/// Without a time.
[[nodiscard]] inline Event make_event() {
  cudaEvent_t event = nullptr;
  ISOFLOP_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  return Event(event);
}

[[nodiscard]] inline bool is_capturing(cudaStream_t stream) {
  cudaStreamCaptureStatus status{};
  ISOFLOP_CUDA(cudaStreamIsCapturing(stream, &status));
  return status != cudaStreamCaptureStatusNone;
}

}  // namespace isoflop
