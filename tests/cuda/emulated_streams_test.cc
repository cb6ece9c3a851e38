// SPDX-License-Identifier: Apache-2.0
// In which order the emulated device works, and what it refuses.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cuda/device_memory.h"
#include "device/device.cuh"
#include "emulated_device.h"
#include "isoflop/error.h"
#include "support/catch.h"

namespace isoflop {
namespace {

using emulation::Progress;
using test::DeviceArray;
using test::Event;
using test::Stream;

/// Appends `number` to `seen` when the stream comes to it.
void note(cudaStream_t stream, std::vector<int>& seen, int number) {
  ISOFLOP_CUDA(emulation::enqueue(stream, [&seen, number] {
    seen.push_back(number);
    return Progress::done;
  }));
}

/// All orders in which `enqueue`d work is done under some seeds.
std::set<std::vector<int>> orders(const std::function<void(std::vector<int>&)>& enqueue) {
  std::set<std::vector<int>> all;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    emulation::reset();
    emulation::set_seed(seed);
    std::vector<int> seen;
    enqueue(seen);
    ISOFLOP_CUDA(cudaDeviceSynchronize());
    all.insert(seen);
  }
  return all;
}

TEST_CASE("nothing runs before somebody waits for it") {
  emulation::reset();
  const Stream a, b;
  std::vector<int> seen;
  note(a, seen, 1);
  note(b, seen, 2);
  CHECK(seen.empty());
  ISOFLOP_CUDA(cudaStreamSynchronize(a));
  CHECK(std::ranges::count(seen, 1) == 1);
  CHECK(emulation::counters().host_synchronisations == 1);
  ISOFLOP_CUDA(cudaDeviceSynchronize());
  CHECK(seen.size() == 2);
}

TEST_CASE("who asks often enough sees the work done") {
  emulation::reset();
  const Stream stream;
  std::vector<int> seen;
  for (int i = 0; i < 5; ++i) note(stream, seen, i);
  cudaError_t status = cudaErrorNotReady;
  for (int i = 0; i < 1000 && status == cudaErrorNotReady; ++i) status = cudaStreamQuery(stream);
  CHECK(status == cudaSuccess);
  CHECK(seen == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(emulation::counters().host_synchronisations == 0);
}

TEST_CASE("a stream is in order, two streams are not") {
  const auto all = orders([](std::vector<int>& seen) {
    const Stream a, b;
    for (const int i : {1, 2}) note(a, seen, i);
    for (const int i : {3, 4}) note(b, seen, i);
  });
  CHECK(all.size() == 6);  // of two pairs
  for (const std::vector<int>& order : all) {
    CHECK(std::ranges::find(order, 1) < std::ranges::find(order, 2));
    CHECK(std::ranges::find(order, 3) < std::ranges::find(order, 4));
  }
}

TEST_CASE("an event orders what was enqueued before it was recorded") {
  const auto all = orders([](std::vector<int>& seen) {
    const Stream a, b;
    const Event event;
    note(a, seen, 1);
    ISOFLOP_CUDA(cudaEventRecord(event, a));
    note(a, seen, 2);
    ISOFLOP_CUDA(cudaStreamWaitEvent(b, event, 0));
    note(b, seen, 3);
  });
  CHECK(all == std::set<std::vector<int>>{{1, 2, 3}, {1, 3, 2}});
}

TEST_CASE("the default stream is in order with blocking streams, not with others") {
  const auto with_flags = [](unsigned flags) {
    return orders([flags](std::vector<int>& seen) {
      cudaStream_t stream = nullptr;
      ISOFLOP_CUDA(cudaStreamCreateWithFlags(&stream, flags));
      note(stream, seen, 1);
      note(nullptr, seen, 2);
      note(stream, seen, 3);
      ISOFLOP_CUDA(cudaStreamDestroy(stream));
    });
  };
  CHECK(with_flags(cudaStreamDefault) == std::set<std::vector<int>>{{1, 2, 3}});
  CHECK(with_flags(cudaStreamNonBlocking) ==
        std::set<std::vector<int>>{{1, 2, 3}, {2, 1, 3}, {1, 3, 2}});
}

__global__ void add_kernel(const float* x, const float* y, float* sum, int n) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < static_cast<unsigned>(n)) sum[i] = x[i] + y[i];
}

/// x + y on one stream, + y on another, which waits for the first or forgets to.
std::vector<float> sum_of_two_streams(std::uint64_t seed, bool waits) {
  emulation::reset();
  emulation::set_seed(seed);
  const std::vector<float> ones(100, 1.0f);
  const DeviceArray<float> x(ones), y(ones), sum(100), total(100);
  const Stream a, b;
  const Event is_added;
  launch(add_kernel, {4, 32}, a, x.data(), y.data(), sum.data(), 100);
  ISOFLOP_CUDA(cudaEventRecord(is_added, a));
  if (waits) ISOFLOP_CUDA(cudaStreamWaitEvent(b, is_added, 0));
  launch(add_kernel, {4, 32}, b, sum.data(), y.data(), total.data(), 100);
  return total.values();
}

TEST_CASE("a forgotten event shows under some seed") {
  bool differs = false;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    CHECK(sum_of_two_streams(seed, true) == std::vector<float>(100, 3.0f));
    differs = differs || std::isnan(sum_of_two_streams(seed, false)[0]);
  }
  CHECK(differs);
}

struct Pinned {
  explicit Pinned(std::size_t n) { ISOFLOP_CUDA(cudaMallocHost(&data, n * sizeof(float))); }
  ~Pinned() { (void)cudaFreeHost(data); }
  float* data = nullptr;
};

TEST_CASE("pinned memory is read and written late, pageable memory at once") {
  emulation::reset();
  const Stream stream;
  const DeviceArray<float> x(1), y(1);
  const Pinned pinned(1);
  float pageable = 1;
  *pinned.data = 1;
  const auto send = [&](float* to, const float* from) {
    ISOFLOP_CUDA(cudaMemcpyAsync(to, from, sizeof(float), cudaMemcpyDefault, stream));
  };
  send(x.data(), pinned.data);
  send(y.data(), &pageable);
  *pinned.data = pageable = 2;  // too early for the one
  CHECK(x.values()[0] == 2);
  CHECK(y.values()[0] == 1);

  send(pinned.data, y.data());
  CHECK(*pinned.data == 2);  // not yet
  send(&pageable, y.data());
  CHECK(pageable == 1);
  CHECK(*pinned.data == 1);
}

TEST_CASE("copies beyond an allocation, or of the other kind of memory, are refused") {
  emulation::reset();
  const DeviceArray<float> x(4);
  std::vector<float> host(8);
  CHECK(cudaMemcpy(x.data(), host.data(), 16, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaMemcpy(x.data(), host.data(), 20, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(x.data() + 1, host.data(), 16, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host.data(), x.data(), 16, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemsetAsync(host.data(), 0, 4, nullptr) == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("memory is counted, ends, and is freed in the order of a stream") {
  emulation::reset();
  const std::int64_t before = emulation::allocated_bytes();
  emulation::set_memory_size(1000);
  void *a = nullptr, *b = nullptr;
  CHECK(cudaMalloc(&a, 600) == cudaSuccess);
  CHECK(cudaMalloc(&b, 401) == cudaErrorMemoryAllocation);
  CHECK(b == nullptr);
  std::size_t free = 0, total = 0;
  ISOFLOP_CUDA(cudaMemGetInfo(&free, &total));
  CHECK(free == 400);
  CHECK(total == 1000);
  CHECK(emulation::peak_allocated_bytes() == before + 600);
  const Stream stream;
  ISOFLOP_CUDA(cudaMemsetAsync(a, 0, 600, stream));
  ISOFLOP_CUDA(cudaFreeAsync(a, stream));
  CHECK(emulation::allocated_bytes() == before + 600);
  ISOFLOP_CUDA(cudaStreamSynchronize(stream));
  CHECK(emulation::allocated_bytes() == before);
  emulation::fail_allocation(2);
  CHECK(cudaMalloc(&a, 8) == cudaSuccess);
  CHECK(cudaMalloc(&b, 8) == cudaErrorMemoryAllocation);
  CHECK(cudaFree(a) == cudaSuccess);
  CHECK(cudaFree(b) == cudaSuccess);  // null
}

TEST_CASE("a launch fails where a test wants it to") {
  emulation::reset();
  const DeviceArray<float> x(32);
  emulation::fail_launch(2, cudaErrorLaunchOutOfResources);
  launch(add_kernel, {1, 32}, nullptr, x.data(), x.data(), x.data(), 32);
  CHECK_THROWS_AS(launch(add_kernel, {1, 32}, nullptr, x.data(), x.data(), x.data(), 32), Error);
  launch(add_kernel, {1, 32}, nullptr, x.data(), x.data(), x.data(), 32);
  CHECK(emulation::counters().kernel_launches == 2);
  ISOFLOP_CUDA(cudaDeviceSynchronize());
  CHECK(emulation::counters().kernels_run == 2);
}

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

TEST_CASE("devices have streams and memory of their own") {
  emulation::reset();
  emulation::set_device_count(2);
  emulation::set_memory_size(100);
  const Stream on_first;
  void *first = nullptr, *second = nullptr;
  ISOFLOP_CUDA(cudaMalloc(&first, 100));
  ISOFLOP_CUDA(cudaSetDevice(1));
  ISOFLOP_CUDA(cudaMalloc(&second, 100));
  CHECK_THROWS_AS(launch(add_kernel, {1, 1}, on_first, nullptr, nullptr, nullptr, 0), Error);
  ISOFLOP_CUDA(cudaMemset(second, 0, 100));
  ISOFLOP_CUDA(cudaMemcpyPeerAsync(first, 0, second, 1, 100, on_first));
  std::vector<char> host(100, 1);
  ISOFLOP_CUDA(cudaStreamSynchronize(on_first));
  ISOFLOP_CUDA(cudaMemcpy(host.data(), first, 100, cudaMemcpyDeviceToHost));
  CHECK(host == std::vector<char>(100, 0));
  std::thread([] {
    int device = -1;
    ISOFLOP_CUDA(cudaGetDevice(&device));
    CHECK(device == 0);  // every thread has its own
  }).join();
  ISOFLOP_CUDA(cudaFree(first));
  ISOFLOP_CUDA(cudaFree(second));
  CHECK(cudaSetDevice(2) == cudaErrorInvalidDevice);
  emulation::reset();
}

TEST_CASE("a machine without a device says so") {
  emulation::reset();
  emulation::set_device_count(0);
  int n = -1;
  CHECK(cudaGetDeviceCount(&n) == cudaErrorNoDevice);
  CHECK(n == 0);
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, 8) == cudaErrorNoDevice);
  CHECK(cudaSetDevice(0) == cudaErrorNoDevice);
  emulation::reset();
}

TEST_CASE("threads wait for each other's work") {
  // As ranks in a collective: each side is ready when the other has come.
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    emulation::reset();
    emulation::set_seed(seed);
    std::array<int, 2> arrived{};  // under the machine's lock
    std::vector<std::thread> threads;
    std::atomic<int> n_right{0};
    for (const std::size_t self : {0u, 1u})
      threads.emplace_back([&, self] {
        const Stream stream;
        const DeviceArray<float> x(std::vector<float>(64, 1.0f));
        for (int round = 1; round <= 20; ++round) {
          launch(add_kernel, {2, 32}, stream, x.data(), x.data(), x.data(), 64);
          ISOFLOP_CUDA(emulation::enqueue(stream, [&arrived, self, round] {
            arrived[self] = round;
            return arrived[1 - self] >= round ? Progress::done : Progress::not_ready;
          }));
        }
        ISOFLOP_CUDA(cudaStreamSynchronize(stream));
        if (x.values() == std::vector<float>(64, std::ldexp(1.0f, 20))) ++n_right;
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(n_right == 2);
  }
}

TEST_CASE("work that is never ready ends in a failure, not in a hang") {
  emulation::reset();
  emulation::set_patience(0.02);
  const Stream stream;
  ISOFLOP_CUDA(emulation::enqueue(stream, [] { return Progress::not_ready; }));
  CHECK(cudaStreamSynchronize(stream) == cudaErrorLaunchFailure);
  CHECK(std::string(cudaGetErrorString(cudaErrorLaunchFailure)).find("never ready") !=
        std::string::npos);
  emulation::reset();
}

}  // namespace
}  // namespace isoflop
