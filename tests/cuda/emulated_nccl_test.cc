// SPDX-License-Identifier: Apache-2.0
// The communicator by NCCL, on an emulated NCCL and emulated devices, beside ranks that are threads
// with CPU backends: the same bits, whatever order streams run in.
#include "emulated_nccl.h"

#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <vector>

#include "cuda/exchange_steps.h"
#include "cuda_backend.h"
#include "emulated_device.h"
#include "nccl_communicator.h"
#include "support/catch.h"
#include "train/ranks/thread_communicator.h"

namespace isoflop {
namespace {

using Memory = test::BackendMemory;
using test::Bytes;
using test::on_threads;
using test::Results;
using test::steps;
using Body = std::function<void(Communicator&, CudaBackend&)>;
using Clock = std::chrono::steady_clock;

void reset(int n_devices, std::uint64_t seed = 0) {
  emulation::reset();
  emulation::reset_nccl();
  emulation::set_device_count(n_devices);
  emulation::set_seed(seed);
  emulation::set_patience(20);
}

/// Ranks that are threads, each with a device and a communicator by NCCL.
void run_on_devices(int n, const Body& body) {
  run_ranks(n, [&](Communicator& host) {
    CudaBackend backend(host.rank());
    const auto world = connect_by_nccl(backend.device(), backend.stream(), backend.graphs(), host);
    if (!world) throw std::logic_error("no NCCL between different devices");
    body(*world, backend);
  });
}

Results on_devices(int n, DType dtype, bool repeated, std::uint64_t seed) {
  reset(n, seed);
  Results results(static_cast<std::size_t>(n));
  run_on_devices(n, [&](Communicator& world, CudaBackend& backend) {
    CHECK(world.recordable());
    results[static_cast<std::size_t>(world.rank())] = steps(world, backend, dtype, repeated);
  });
  CHECK(emulation::n_nccl_communicators() == 0);
  CHECK(emulation::n_nccl_aborts() == 0);
  return results;
}

std::string failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::device);
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("operations on tensors by NCCL have the bits of those among threads") {
  for (const int n : {2, 3, 4}) {
    for (const DType dtype : {DType::f32, DType::bf16, DType::f64}) {
      const Results expected = on_threads(n, dtype);
      const std::uint64_t n_seeds = dtype == DType::f32 ? 4 : 2;
      for (std::uint64_t seed = 0; seed < n_seeds; ++seed) {
        INFO(n << " ranks, type " << static_cast<int>(dtype) << ", seed " << seed);
        CHECK(on_devices(n, dtype, /*repeated=*/false, seed) == expected);
      }
    }
  }
}

TEST_CASE("recorded operations by NCCL do the same again") {
  for (const int n : {2, 3}) {
    const Results expected = on_threads(n, DType::f32);
    for (std::uint64_t seed = 10; seed < 14; ++seed) {
      INFO(n << " ranks, seed " << seed);
      CHECK(on_devices(n, DType::f32, /*repeated=*/true, seed) == expected);
    }
  }
}

TEST_CASE("ranks that share a device have no communicator by NCCL") {
  reset(2);
  run_ranks(3, [](Communicator& host) {
    CudaBackend backend(host.rank() % 2);
    CHECK(connect_by_nccl(backend.device(), backend.stream(), backend.graphs(), host) == nullptr);
  });
}

TEST_CASE("operations on host values pass through, in parts of any size") {
  reset(3);
  run_on_devices(3, [](Communicator& world, CudaBackend&) {
    const auto part = world.split(world.rank() / 2);  // 0 and 1; 2 alone
    const double expected = world.rank() == 2 ? 2.0 : 1.0;
    if (part->sum(world.rank()) != expected || world.sum(1) != 3) {
      throw std::logic_error("wrong sum");
    }
    part->split(0)->barrier();
    world.barrier();
  });
  CHECK(emulation::n_nccl_communicators() == 0);
}

TEST_CASE("what has not run cannot be recorded") {
  reset(2);
  run_on_devices(2, [](Communicator& world, CudaBackend& backend) {
    Memory memory(backend);
    const Tensor x = memory.random(DType::f32, 8, 1, 1);
    const Range mine = share_of(8, world.rank(), 2);
    ISOFLOP_CUDA(cudaStreamBeginCapture(backend.stream(), cudaStreamCaptureModeThreadLocal));
    std::string message = "none";
    try {
      world.all_gather(backend, x, {&mine, 1});
    } catch (const Error& error) {
      message = error.what();
    }
    cudaGraph_t graph = nullptr;
    ISOFLOP_CUDA(cudaStreamEndCapture(backend.stream(), &graph));
    ISOFLOP_CUDA(cudaGraphDestroy(graph));
    if (message.find("has been exchanged once") == std::string::npos)
      throw std::logic_error(message);
  });
}

TEST_CASE("a rank that throws releases those that wait for its device") {
  for (const int failing : {0, 1, 2}) {
    reset(3);
    const auto start = Clock::now();
    const std::string message = failure_of([&] {
      run_on_devices(3, [&](Communicator& world, CudaBackend& backend) {
        Memory memory(backend);
        const Tensor x = memory.random(DType::f32, 8, 1, 1);
        const Range mine = share_of(8, world.rank(), 3);
        const auto part = world.split(0);
        for (int round = 0;; ++round) {
          if (round == 2 && world.rank() == failing) throw Error(ErrorCode::device, "gone");
          part->all_gather(backend, x, {&mine, 1});
          backend.synchronize();
        }
      });
    });
    CHECK(message == "gone");
    CHECK(Clock::now() - start < std::chrono::seconds(5));
    CHECK(emulation::n_nccl_communicators() == 0);
    CHECK(emulation::n_nccl_aborts() == 6);  // world and part of each rank
  }
}

TEST_CASE("an error of NCCL on one device ends the work of all") {
  reset(3);
  const auto start = Clock::now();
  const std::string message = failure_of([&] {
    run_on_devices(3, [&](Communicator& world, CudaBackend& backend) {
      Memory memory(backend);
      const Tensor x = memory.random(DType::f32, 8, 1, 1);
      const Range mine = share_of(8, world.rank(), 3);
      for (int round = 0;; ++round) {
        if (round == 2 && world.rank() == 1) {
          emulation::hang_nccl(1);
          emulation::report_nccl_error(1, ncclRemoteError);
        }
        world.all_gather(backend, x, {&mine, 1});
        backend.synchronize();
      }
    });
  });
  CHECK(message.starts_with("NCCL on device 1 reports: remote process exited"));
  CHECK(Clock::now() - start < std::chrono::seconds(5));
  CHECK(emulation::n_nccl_communicators() == 0);
}

TEST_CASE("recorded operations of several communicators end with a lost rank") {
  reset(2);
  const auto start = Clock::now();
  const std::string message = failure_of([&] {
    run_on_devices(2, [&](Communicator& world, CudaBackend& backend) {
      Memory memory(backend);
      const Tensor x = memory.random(DType::f32, 8, 1, 1);
      const Range mine = share_of(8, world.rank(), 2);
      const auto part = world.split(0);
      for (int round = 0;; ++round) {
        if (round == 3 && world.rank() == 1) {
          emulation::hang_nccl(1);
          emulation::report_nccl_error(1, ncclRemoteError);
        }
        backend.repeat(0, [&] {
          world.all_gather(backend, x, {&mine, 1});
          part->all_gather(backend, x, {&mine, 1});
        });
        backend.synchronize();
        world.check();
      }
    });
  });
  CHECK(message.starts_with("NCCL on device 1 reports: remote process exited"));
  CHECK(Clock::now() - start < std::chrono::seconds(5));
  CHECK(emulation::n_nccl_communicators() == 0);
  CHECK(emulation::n_nccl_aborts() == 4);
}

TEST_CASE("ranks do not wait for one that cannot make its communicator") {
  reset(3);
  emulation::fail_nccl_init(1, ncclSystemError);
  const std::string message =
      failure_of([] { run_on_devices(3, [](Communicator&, CudaBackend&) {}); });
  INFO(message);
  CHECK(message.find("unhandled system error: told to fail") != std::string::npos);
  emulation::reset_nccl();  // releases what waits for it
}

}  // namespace isoflop
