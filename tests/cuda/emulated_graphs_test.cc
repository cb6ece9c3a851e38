// SPDX-License-Identifier: Apache-2.0
// What the emulated device captures into graphs, and what it refuses meanwhile.
#include <functional>
#include <set>
#include <thread>
#include <vector>

#include "cuda/device_memory.h"
#include "cuda/stream_orders.h"
#include "emulated_device.h"
#include "support/catch.h"

namespace isoflop {
namespace {

using test::DeviceArray;
using test::Event;
using test::note;
using test::orders;
using test::Stream;

/// What is enqueued on `stream` by `work`, as a graph.
cudaGraphExec_t captured(cudaStream_t stream, const std::function<void()>& work,
                         cudaStreamCaptureMode mode = cudaStreamCaptureModeThreadLocal) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ISOFLOP_CUDA(cudaStreamBeginCapture(stream, mode));
  work();
  ISOFLOP_CUDA(cudaStreamEndCapture(stream, &graph));
  ISOFLOP_CUDA(cudaGraphInstantiate(&executable, graph, 0));
  ISOFLOP_CUDA(cudaGraphDestroy(graph));
  return executable;
}

TEST_CASE("a graph runs what was captured, forks and joins included, at every launch") {
  const auto all = orders([](std::vector<int>& seen) {
    const Stream a, b;
    const Event fork, join;
    const cudaGraphExec_t graph = captured(a, [&] {
      note(a, seen, 1);
      ISOFLOP_CUDA(cudaEventRecord(fork, a));
      ISOFLOP_CUDA(cudaStreamWaitEvent(b, fork, 0));
      note(b, seen, 2);
      note(a, seen, 3);
      ISOFLOP_CUDA(cudaEventRecord(join, b));
      ISOFLOP_CUDA(cudaStreamWaitEvent(a, join, 0));
      note(a, seen, 4);
    });
    CHECK(seen.empty());
    note(a, seen, 0);
    ISOFLOP_CUDA(cudaGraphLaunch(graph, a));
    ISOFLOP_CUDA(cudaGraphExecDestroy(graph));
    note(a, seen, 5);
  });
  CHECK(all == std::set<std::vector<int>>{{0, 1, 2, 3, 4, 5}, {0, 1, 3, 2, 4, 5}});

  emulation::reset();
  const Stream stream;
  std::vector<int> seen;
  const cudaGraphExec_t graph = captured(stream, [&] { note(stream, seen, 7); });
  for (int i = 0; i < 3; ++i) ISOFLOP_CUDA(cudaGraphLaunch(graph, stream));
  ISOFLOP_CUDA(cudaStreamSynchronize(stream));
  CHECK(seen == std::vector<int>{7, 7, 7});
  CHECK(emulation::counters().graph_launches == 3);
  ISOFLOP_CUDA(cudaGraphExecDestroy(graph));
}

/// How a capture ends in which `call` was made.
cudaError_t end_of_capture(const std::function<void(cudaStream_t)>& call,
                           cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) {
  const Stream stream;
  ISOFLOP_CUDA(cudaStreamBeginCapture(stream, mode));
  call(stream);
  cudaGraph_t graph = nullptr;
  const cudaError_t status = cudaStreamEndCapture(stream, &graph);
  if (graph != nullptr) ISOFLOP_CUDA(cudaGraphDestroy(graph));
  return status;
}

TEST_CASE("what waits or allocates while a stream is captured ends the capture") {
  emulation::reset();
  const DeviceArray<float> x(1);
  float host = 0;
  void* memory = nullptr;
  const auto kIllegal = cudaErrorStreamCaptureUnsupported;
  const auto kLost = cudaErrorStreamCaptureInvalidated;
  CHECK(end_of_capture([&](cudaStream_t) {}) == cudaSuccess);
  CHECK(end_of_capture([&](cudaStream_t s) { CHECK(cudaStreamSynchronize(s) == kIllegal); }) ==
        kLost);
  CHECK(end_of_capture([&](cudaStream_t s) { CHECK(cudaStreamQuery(s) == kIllegal); }) == kLost);
  CHECK(end_of_capture([&](cudaStream_t) { CHECK(cudaDeviceSynchronize() == kIllegal); }) == kLost);
  CHECK(end_of_capture([&](cudaStream_t) { CHECK(cudaMalloc(&memory, 8) == kIllegal); }) == kLost);
  CHECK(end_of_capture([&](cudaStream_t) { CHECK(cudaFree(x.data()) == kIllegal); }) == kLost);
  CHECK(end_of_capture([&](cudaStream_t) {
          CHECK(cudaMemcpy(&host, x.data(), 4, cudaMemcpyDeviceToHost) == kIllegal);
        }) == kLost);
}

TEST_CASE("calls of another thread end a global capture, but none of its own thread's") {
  emulation::reset();
  const auto allocate_elsewhere = [](cudaStream_t) {
    std::thread([] {
      void* memory = nullptr;
      if (cudaMalloc(&memory, 8) == cudaSuccess) (void)cudaFree(memory);
    }).join();
  };
  CHECK(end_of_capture(allocate_elsewhere, cudaStreamCaptureModeGlobal) ==
        cudaErrorStreamCaptureInvalidated);
  CHECK(end_of_capture(allocate_elsewhere, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
}

TEST_CASE("a capture must join its forks and must not wait for what is outside") {
  emulation::reset();
  const Stream other;
  const Event event, outside;
  std::vector<int> seen;
  CHECK(end_of_capture([&](cudaStream_t s) {
          ISOFLOP_CUDA(cudaEventRecord(event, s));
          ISOFLOP_CUDA(cudaStreamWaitEvent(other, event, 0));
          note(other, seen, 1);
        }) == cudaErrorStreamCaptureUnjoined);
  CHECK(cudaEventSynchronize(event) == cudaErrorCapturedEvent);
  ISOFLOP_CUDA(cudaEventRecord(outside, other));
  CHECK(end_of_capture([&](cudaStream_t s) {
          CHECK(cudaStreamWaitEvent(s, outside, 0) == cudaErrorStreamCaptureIsolation);
        }) == cudaErrorStreamCaptureInvalidated);
  CHECK(seen.empty());
}

}  // namespace
}  // namespace isoflop
