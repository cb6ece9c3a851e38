// SPDX-License-Identifier: Apache-2.0
// Memory, streams and graphs of the CUDA backend.
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/backend_step.h"
#include "cuda_backend.h"
#include "device_under_test.h"
#include "isoflop/error.h"
#include "support/catch.h"
#include "support/op_cases.h"

namespace isoflop {
namespace {

using test::Matrix;
using test::OpRun;
using Step = test::BackendStep;

TEST_CASE("memory of the device is zero and counted") {
  test::fresh_device();
  CudaBackend backend(0);
  const std::int64_t peak = backend.peak_memory();
  {
    const auto buffer = backend.allocate(1000);
    std::vector<unsigned char> bytes(1000, 1);
    backend.download(bytes.data(), buffer->data(), 1000);
    CHECK(bytes == std::vector<unsigned char>(1000, 0));
    CHECK(backend.peak_memory() == peak + 1000);
  }
  CHECK(backend.peak_memory() == peak + 1000);
  CHECK(backend.allocate(0)->data() != nullptr);
  CHECK_THROWS_AS(backend.allocate(backend.available_memory() + 1), std::bad_alloc);
  CHECK(backend.allocate(1000) != nullptr);
}

TEST_CASE("staging moves data behind the operations called before") {
  test::fresh_device();
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    test::set_order(seed);
    CudaBackend backend(0);
    const auto to = backend.make_staging(32), back = backend.make_staging(32);
    const auto memory = backend.allocate(32);
    const Tensor x{memory->data(), DType::f32, 1, 8};
    for (const float value : {1.5f, 2.5f}) {
      auto* numbers = static_cast<float*>(to->wait());
      for (int i = 0; i < 8; ++i) numbers[i] = value;
      to->send(x.data);
      backend.sum(std::array{x, x}, x);
      back->fetch(x.data);
      const auto* results = static_cast<const float*>(back->wait());
      for (int i = 0; i < 8; ++i) CHECK(results[i] == 2 * value);
    }
  }
}

TEST_CASE("steps done, recorded and replayed give equal bits and count equal FLOPs") {
  test::fresh_device();
  constexpr int kSteps = 4;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    test::set_order(seed);
    CudaBackend eager(0), graphs(0);
    Step one(eager), other(graphs);
    for (int i = 0; i < kSteps; ++i) {
      one();
      graphs.repeat(5, [&] { other(); });
      CHECK(eager.counted_flops() == graphs.counted_flops());
      CHECK(eager.counted_flops() == (i + 1) * 2 * Step::kRows * Step::kCols * Step::kCols);
      CHECK(one.results() == other.results());
    }
  }
}

TEST_CASE("a graph goes on with the workspace it was recorded with") {
  test::fresh_device();
  CudaBackend backend(0);
  Step step(backend), same(backend);
  for (int i = 0; i < 2; ++i) backend.repeat(1, [&] { step(); });
  same();
  same();
  const Matrix large(400, 600, 1.0), small(400, 1), gain(1, 600, 1.0);
  OpRun run(backend, DType::f32);
  backend.rmsnorm_backward(run.input("dy", large), run.input("x", large), run.input("g", gain),
                           run.input("u", small), run.in_out("dx", large, large),
                           run.in_out("dg", gain, gain));
  backend.repeat(1, [&] { step(); });
  same();
  CHECK(step.results() == same.results());
}

TEST_CASE("work that fails while it is recorded leaves the stream as it was") {
  test::fresh_device();
  CudaBackend backend(0);
  Step step(backend), same(backend);
  const auto fail = [&] {
    step();
    throw std::runtime_error("while recording");
  };
  CHECK_THROWS_AS(backend.repeat(1, fail), std::runtime_error);  // and the step was done
  same();
  backend.repeat(1, [&] { step(); });
  same();
  const std::int64_t flops = backend.counted_flops();
  CHECK_THROWS_AS(backend.repeat(1, fail), std::runtime_error);  // nothing was done
  CHECK(backend.counted_flops() == flops);
  for (int i = 0; i < 2; ++i) {
    backend.repeat(1, [&] { step(); });
    same();
  }
  CHECK(step.results() == same.results());
  // What has to grow a workspace, or to wait, cannot be recorded.
  backend.repeat(2, [] {});
  CHECK_THROWS_AS(backend.repeat(2, [&] { backend.synchronize(); }), Error);
  backend.repeat(2, [] {});
  backend.synchronize();
}

}  // namespace
}  // namespace isoflop
