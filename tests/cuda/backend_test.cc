// SPDX-License-Identifier: Apache-2.0
// Memory, streams and graphs of the CUDA backend on the emulated device.
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda_backend.h"
#include "emulated_device.h"
#include "isoflop/error.h"
#include "support/catch.h"
#include "support/op_cases.h"

namespace isoflop {
namespace {

using test::Matrix;
using test::OpRun;

TEST_CASE("memory of the device is zero, counted, and given back") {
  emulation::reset();
  CudaBackend backend(0);
  const std::int64_t before = backend.available_memory();
  const std::int64_t peak = backend.peak_memory();
  {
    const auto buffer = backend.allocate(1000);
    std::vector<unsigned char> bytes(1000, 1);
    backend.download(bytes.data(), buffer->data(), 1000);
    CHECK(bytes == std::vector<unsigned char>(1000, 0));
    CHECK(backend.available_memory() == before - 1000);
    CHECK(backend.peak_memory() == peak + 1000);
  }
  CHECK(backend.available_memory() == before);
  CHECK(backend.peak_memory() == peak + 1000);
  CHECK(backend.allocate(0)->data() != nullptr);
  CHECK_THROWS_AS(backend.allocate(before + 1), std::bad_alloc);
  CHECK(backend.allocate(1000) != nullptr);
}

TEST_CASE("a backend leaves nothing behind") {
  emulation::reset();
  const std::int64_t before = emulation::allocated_bytes();
  {
    CudaBackend backend(0);
    OpRun run(backend, DType::f32);
    const Matrix x(3, 8, 1.0);
    for (int i = 0; i < 3; ++i)
      backend.repeat(1, [&, at = run.in_out("x", x, x)] {
        backend.rope(at, {1, 3, 1, 0, 8}, 10, false);
      });
  }
  CHECK(emulation::allocated_bytes() == before);
}

TEST_CASE("staging moves data behind the operations called before") {
  emulation::reset();
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    emulation::set_seed(seed);
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

TEST_CASE("a machine without the device says so in one line") {
  emulation::reset();
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(make_cuda_backend_on(1)),
             contains("no CUDA device 1 found: there are 1"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(make_cuda_backend_on(-1)), contains("no CUDA device -1 found"));
  CHECK_THAT(make_cuda_backend_on(0)->name(), contains("cuda (") && contains(", sm_"));
  CHECK(count_cuda_devices() == 1);
  emulation::set_device_count(0);
  CHECK(count_cuda_devices() == 0);
  const std::string message = ISOFLOP_ERROR_MESSAGE(make_cuda_backend_on(0));
  CHECK_THAT(message, contains("no CUDA device found: "));
  CHECK(message.find('\n') == std::string::npos);
  try {
    (void)make_cuda_backend_on(0);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unavailable);
  }
}

/// Some operations of a step, with and without a workspace, and what they work on.
struct Step {
  static constexpr std::int64_t kRows = 70, kCols = 24, kVocab = 9;
  CudaBackend& backend;
  OpRun run;
  Tensor tokens, table, x, y, gain, inverse, dx, dw, dgain, losses, w;
  Matrix start = test::random_matrix(kRows, kCols, 1);

  explicit Step(CudaBackend& b) : backend(b), run(b, DType::bf16) {
    const Matrix row(1, kCols, 0.5), embeddings = test::random_matrix(kVocab, kCols, 2);
    tokens = run.ids(test::random_ids(kRows, kVocab, 3));
    table = run.in_out("table", embeddings, embeddings);
    x = run.in_out("x", start, start);
    y = run.output("y", start);
    gain = run.in_out("gain", row, row);
    inverse = run.output("inverse", Matrix(kRows, 1), DType::f32);
    dx = run.in_out("dx", start, start);
    dw = run.in_out("dw", Matrix(kVocab, kCols), embeddings, DType::f32);
    dgain = run.in_out("dgain", Matrix(1, kCols), row, DType::f32);
    losses = run.output("losses", Matrix(kRows, 1), DType::f32);
    w = run.in_out("w", Matrix(kCols, kCols, 0.25), row);
  }
  void operator()() {
    backend.embedding_forward(tokens, table, 0, y);
    backend.rmsnorm_forward(x, y, gain, 1e-5f, y, inverse);
    backend.linear_forward(y, w, dx);
    backend.rmsnorm_backward(y, x, gain, inverse, dx, dgain);
    backend.embedding_backward(tokens, dx, 0, dw);
    backend.rope(x, {10, 7, 2, 1, 6}, 100, false);
    backend.cross_entropy(dx, tokens, 0.5f, losses);
  }
  [[nodiscard]] std::vector<std::vector<double>> results() const {
    std::vector<std::vector<double>> values;
    for (const auto& output : run.outputs()) values.push_back(output.got);
    return values;
  }
};

TEST_CASE("steps done, recorded and replayed give equal bits and count equal FLOPs") {
  emulation::reset();
  constexpr int kSteps = 4;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    emulation::set_seed(seed);
    CudaBackend eager(0), graphs(0);
    Step one(eager), other(graphs);
    for (int i = 0; i < kSteps; ++i) {
      one();
      const auto before = emulation::counters();
      graphs.repeat(5, [&] { other(); });
      const auto after = emulation::counters();
      CHECK(after.host_synchronisations == before.host_synchronisations);
      CHECK(after.graph_launches - before.graph_launches == (i > 0 ? 1 : 0));
      if (i > 0) CHECK(after.allocations == before.allocations);
      if (i > 1) CHECK(after.kernel_launches == before.kernel_launches);
      CHECK(eager.counted_flops() == graphs.counted_flops());
      CHECK(eager.counted_flops() == (i + 1) * 2 * Step::kRows * Step::kCols * Step::kCols);
      CHECK(one.results() == other.results());
    }
  }
}

TEST_CASE("a graph goes on with the workspace it was recorded with") {
  emulation::reset();
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
  emulation::reset();
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

TEST_CASE("backends of two devices may take turns in one thread") {
  emulation::reset();
  emulation::set_device_count(2);
  CudaBackend first(0), second(1);
  Step one(first), other(second);
  for (int i = 0; i < 3; ++i) {
    first.repeat(1, [&] { one(); });
    second.repeat(1, [&] { other(); });
  }
  CHECK(one.results() == other.results());
}

}  // namespace
}  // namespace isoflop
