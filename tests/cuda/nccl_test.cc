// SPDX-License-Identifier: Apache-2.0
// The communicator by NCCL, on an emulated NCCL and emulated devices, beside ranks that are threads
// with CPU backends: the same bits, whatever order streams run in.
#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <vector>

#include "base/rng.h"
#include "cuda_backend.h"
#include "emulated_device.h"
#include "emulated_nccl.h"
#include "nccl_communicator.h"
#include "support/catch.h"
#include "train/bf16.h"
#include "train/thread_communicator.h"

namespace isoflop {
namespace {

using Bytes = std::vector<std::byte>;
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

/// Values whose sum depends on the order, different ones on each rank.
Bytes random_values(DType dtype, std::int64_t n, std::uint64_t seed) {
  Bytes bytes(static_cast<std::size_t>(n * size_of(dtype)));
  const Rng rng(seed);
  for (std::int64_t i = 0; i < n; ++i) {
    const double unit = rng.uniform(static_cast<std::uint64_t>(i)) - 0.5;
    const double value = unit * (i % 3 == 0 ? 1e4 : 1.0);
    std::byte* at = bytes.data() + i * size_of(dtype);
    if (dtype == DType::f64) {
      std::memcpy(at, &value, sizeof value);
    } else if (dtype == DType::f32) {
      const auto f32 = static_cast<float>(value);
      std::memcpy(at, &f32, sizeof f32);
    } else {
      const std::uint16_t rounded = round_to_bf16(static_cast<float>(value));
      std::memcpy(at, &rounded, sizeof rounded);
    }
  }
  return bytes;
}

/// Tensors of a backend in memory of their own.
class Memory {
 public:
  explicit Memory(Backend& backend) : backend_(backend) {}
  Tensor make(DType dtype, std::int64_t rows, std::int64_t cols) {
    buffers_.push_back(backend_.allocate(rows * cols * size_of(dtype)));
    return {buffers_.back()->data(), dtype, rows, cols};
  }
  Tensor random(DType dtype, std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
    const Tensor tensor = make(dtype, rows, cols);
    const Bytes values = random_values(dtype, rows * cols, seed);
    backend_.upload(tensor.data, values.data(), static_cast<std::int64_t>(values.size()));
    return tensor;
  }

 private:
  Backend& backend_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
};

Bytes download(Backend& backend, Tensor tensor) {
  Bytes bytes(static_cast<std::size_t>(tensor.size() * size_of(tensor.dtype)));
  backend.download(bytes.data(), tensor.data, static_cast<std::int64_t>(bytes.size()));
  return bytes;
}

void append(Bytes& all, const Bytes& more) { all.insert(all.end(), more.begin(), more.end()); }

/// What a rank sees of a step: two reductions in flight, of one or two contributions per rank and
/// of uneven ranges, a gather of what they gave, and a sum over every other rank. Inputs are
/// produced just before they are needed and destroyed as soon as that is allowed, without waiting.
class Step {
 public:
  Step(Communicator& world, Backend& backend, DType dtype, std::int64_t rows)
      : world_(world),
        backend_(backend),
        memory_(backend),
        part_(world.split(world.rank() % 2)),
        n_(1 + world.rank() % 2) {
    const auto seed = static_cast<std::uint64_t>(world.rank() * 100);
    for (int i = 0; i < n_; ++i) {
      sources_.push_back(memory_.random(dtype, rows, kCols, seed + static_cast<std::uint64_t>(i)));
      first_.push_back(memory_.make(dtype, rows, kCols));
      second_.push_back(memory_.make(dtype, rows, kCols));
    }
    for (Tensor* tensor : {&reduced_, &gathered_, &copied_, &partial_}) {
      *tensor = memory_.make(dtype, rows, kCols);
    }
    const std::int64_t half = rows / 2;
    const Range left = share_of(half, world.rank(), world.size(), 4);
    const Range right = share_of(rows - half, world.rank(), world.size());
    two_ = {left, {half + right.begin, half + right.end}};
    one_ = share_of(rows, world.rank(), world.size(), 8);
  }

  void run() {
    fill(first_);
    world_.start_reduce_scatter(backend_, first_, two_);
    fill(second_);
    world_.start_reduce_scatter(backend_, second_, {&one_, 1});
    backend_.zero(gathered_);
    backend_.copy(sources_.front(), partial_);
    all_reduce(*part_, backend_, partial_);
    world_.finish_reduce_scatters(backend_);
    for (const Range range : two_) copy(first_.front(), reduced_, range);
    copy(second_.front(), gathered_, one_);
    for (const auto* tensors : {&first_, &second_}) {
      for (const Tensor& tensor : *tensors) backend_.zero(tensor);
    }
    world_.all_gather(backend_, gathered_, {&one_, 1});
    backend_.copy(gathered_, copied_);
    backend_.zero(gathered_);
    world_.all_gather(backend_, reduced_, two_);
  }
  void new_input(std::uint64_t seed) {
    const Tensor source = sources_.front();
    const Bytes values = random_values(source.dtype, source.size(),
                                       seed + static_cast<std::uint64_t>(world_.rank()));
    backend_.upload(source.data, values.data(), static_cast<std::int64_t>(values.size()));
  }
  Bytes result() {
    Bytes all = download(backend_, reduced_);
    append(all, download(backend_, copied_));
    append(all, download(backend_, partial_));
    return all;
  }

 private:
  static constexpr std::int64_t kCols = 3;

  void fill(const std::vector<Tensor>& tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) backend_.copy(sources_[i], tensors[i]);
  }
  void copy(Tensor from, Tensor to, Range rows) {
    backend_.copy(from.slice(rows.begin, rows.size()), to.slice(rows.begin, rows.size()));
  }

  Communicator& world_;
  Backend& backend_;
  Memory memory_;
  std::unique_ptr<Communicator> part_;
  int n_;
  std::vector<Tensor> sources_, first_, second_;
  Tensor reduced_, gathered_, copied_, partial_;
  std::vector<Range> two_;
  Range one_;
};

/// Results of all ranks, one step after the other.
std::vector<Bytes> steps(Communicator& world, Backend& backend, DType dtype, bool repeated) {
  std::vector<Bytes> results;
  Step even(world, backend, dtype, 48), odd(world, backend, dtype, 61);
  for (std::uint64_t step = 0; step < 4; ++step) {
    for (Step* shape : {&even, &odd}) {
      shape->new_input(1000 + step);
      if (repeated) {
        backend.repeat(shape == &even ? 0 : 1, [&] { shape->run(); });
      } else {
        shape->run();
      }
      results.push_back(shape->result());
    }
  }
  return results;
}

using Results = std::vector<std::vector<Bytes>>;

Results on_threads(int n, DType dtype) {
  Results results(static_cast<std::size_t>(n));
  run_ranks(n, [&](Communicator& world) {
    const auto backend = make_cpu_backend();
    results[static_cast<std::size_t>(world.rank())] = steps(world, *backend, dtype, false);
  });
  return results;
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

TEST_CASE("one rank may have a communicator by NCCL too") {
  CHECK(on_devices(1, DType::f32, /*repeated=*/true, 0) == on_threads(1, DType::f32));
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
