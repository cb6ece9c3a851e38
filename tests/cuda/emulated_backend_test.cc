// SPDX-License-Identifier: Apache-2.0
// Of the backend, what only an emulated device shows: what was launched, allocated and waited for,
// and machines with no device or with several.
#include <cstdint>
#include <memory>
#include <string>

#include "attention.h"
#include "block.h"
#include "cuda/backend_step.h"
#include "cuda/matmul_layer.h"
#include "cuda_backend.h"
#include "emulated_device.h"
#include "isoflop/error.h"
#include "matmul.h"
#include "support/catch.h"
#include "support/op_cases.h"

namespace isoflop {
namespace {

using test::Layer;
using test::Matrix;
using test::MatrixOnDevice;
using test::nothing;
using test::OpRun;
using test::Products;
using test::random_matrix;
using Step = test::BackendStep;

TEST_CASE("memory that is given back can be had again, to the byte") {
  emulation::reset();
  CudaBackend backend(0);
  const std::int64_t before = backend.available_memory();
  {
    const auto buffer = backend.allocate(1000);
    CHECK(backend.available_memory() == before - 1000);
  }
  CHECK(backend.available_memory() == before);
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

TEST_CASE("a replayed step launches one graph, allocates nothing and lets nobody wait") {
  emulation::reset();
  CudaBackend backend(0);
  Step step(backend);
  for (int i = 0; i < 4; ++i) {
    const auto before = emulation::counters();
    backend.repeat(5, [&] { step(); });
    const auto after = emulation::counters();
    CHECK(after.host_synchronisations == before.host_synchronisations);
    CHECK(after.graph_launches - before.graph_launches == (i > 0 ? 1 : 0));
    if (i > 0) CHECK(after.allocations == before.allocations);
    if (i > 1) CHECK(after.kernel_launches == before.kernel_launches);
  }
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

TEST_CASE("attention of no sequences launches nothing") {
  emulation::reset();
  const auto attention = make_own_attention();
  const AttentionDims dims{0, 16, 2, 1, 64};
  for (const DType dtype : {DType::f32, DType::bf16}) {
    attention->forward({nullptr, dtype, 0, dims.qkv_cols()}, dims, {nullptr, dtype, 0, 128},
                       {nullptr, DType::f32, 0, 2}, nullptr, nullptr);
    attention->backward({nullptr, dtype, 0, dims.qkv_cols()}, dims, {nullptr, dtype, 0, 128},
                        {nullptr, DType::f32, 0, 2}, {nullptr, dtype, 0, 128},
                        {nullptr, dtype, 0, dims.qkv_cols()}, nullptr, nullptr);
  }
  CHECK(emulation::counters().kernel_launches == 0);
}

TEST_CASE("a product is planned once for each shape, and then only enqueued") {
  emulation::reset();
  Products products;
  Layer layer(128, 64, 96, DType::bf16), same(128, 64, 96, DType::bf16),
      other(64, 64, 96, DType::bf16);
  layer.run(products);
  CHECK(emulation::counters().heuristic_searches == 3);
  const emulation::Counters before = emulation::counters();
  for (int i = 0; i < 5; ++i) same.run(products);
  const emulation::Counters after = emulation::counters();
  CHECK(after.heuristic_searches == before.heuristic_searches);
  CHECK(after.matrix_products == before.matrix_products + 15);
  CHECK(after.allocations == before.allocations);
  CHECK(after.host_synchronisations == before.host_synchronisations);
  other.run(products);
  CHECK(emulation::counters().heuristic_searches == 6);
}

TEST_CASE("tensors beyond 16 bytes of alignment share a plan, others have their own") {
  emulation::reset();
  Products products;
  Layer at_256(8, 64, 32, DType::bf16, 0), at_16(8, 64, 32, DType::bf16, 8);
  Layer at_2(8, 64, 32, DType::bf16, 1);
  at_256.run(products);
  at_16.run(products);
  CHECK(emulation::counters().heuristic_searches == 3);
  CHECK(at_256.bytes() == at_16.bytes());
  at_2.run(products);
  CHECK(emulation::counters().heuristic_searches == 6);
}

TEST_CASE("a product that cuBLASLt does not know is refused with its shape and types") {
  emulation::reset();
  Products products;
  const MatrixOnDevice x(random_matrix(3, 4, 1), DType::f32), w(random_matrix(5, 4, 2), DType::f32);
  const MatrixOnDevice y(nothing(3, 5), DType::bf16);
  try {
    products.matmul.forward(x.tensor(), w.tensor(), y.tensor(), products.stream);
    FAIL("must throw");
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::device);
    const std::string text = e.what();
    INFO(text);
    CHECK(text.find("d [5, 3] bf16 = a^T [5, 4] b [4, 3] f32") != std::string::npos);
  }
}

TEST_CASE("a product on a device that failed says what happened there") {
  for (const bool captured : {false, true}) {
    emulation::reset();
    Products products;
    Layer layer(4, 8, 16, DType::f32);
    (void)emulation::enqueue_kernel({1}, {1}, 0, nullptr,
                                    [] { throw emulation::KernelError("illegal memory access"); });
    CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
    if (captured) (void)cudaStreamBeginCapture(products.stream, cudaStreamCaptureModeThreadLocal);
    try {
      layer.run(products);
      FAIL("must throw");
    } catch (const Error& e) {
      CHECK(e.code() == ErrorCode::device);
      const std::string text = e.what();
      INFO(text);
      CHECK(text.find("the product d [") != std::string::npos);
      CHECK(text.find("illegal memory access (cudaErrorLaunchFailure)") != std::string::npos);
    }
    emulation::reset();  // a failed device gives no memory back
  }
}

}  // namespace
}  // namespace isoflop
