// SPDX-License-Identifier: Apache-2.0
#include "matmul.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "cuda/device_memory.h"
#include "cuda/matmul_layer.h"
#include "device_under_test.h"
#include "isoflop/error.h"
#include "support/catch.h"
#include "support/op_cases.h"

namespace isoflop {
namespace {

using test::Layer;
using test::Matrix;
using test::MatrixOnDevice;
using test::nothing;
using test::Products;

struct Size {
  std::int64_t rows, in, out;
};
// Odd sizes, and those of the table of operations: empty, one, off every power of two.
const std::vector<Size> kSizes{{0, 5, 3},     {4, 0, 6},     {5, 8, 0},    {1, 1, 1},
                               {1, 24, 7},    {7, 3, 5},     {13, 17, 19}, {20, 16, 24},
                               {128, 24, 72}, {33, 48, 100}, {5, 300, 9},  {257, 9, 66},
                               {12, 64, 300}, {29, 131, 257}};

TEST_CASE("a layer's products are those of double precision, wherever the tensors lie") {
  test::fresh_device();
  Products products;
  for (const DType storage : {DType::f32, DType::bf16})
    for (const std::size_t offset : {0u, 1u, 2u, 4u})
      for (const auto [rows, in, out] : kSizes) {
        Layer layer(rows, in, out, storage, offset);
        layer.run(products);
        for (const test::OpOutput& output : layer.outputs()) {
          INFO(test::case_name("layer", rows, in, out, "offset", offset)
               << ": " << describe("", output));
          // As in the table of operations: sums of floats in any order.
          CHECK(error_of(output).nmse <= 1e-12);
          CHECK(error_of(output).worst <= 1e-5);
        }
      }
}

TEST_CASE("each tensor may lie off its alignment alone") {
  test::fresh_device();
  Products products;
  for (std::size_t which = 0; which < test::kAllTensors; ++which) {
    Layer layer(16, 64, 32, DType::bf16, 1, which);
    layer.run(products);
    INFO("tensor " << which);
    for (const test::OpOutput& output : layer.outputs()) CHECK(error_of(output).worst <= 1e-5);
  }
}

TEST_CASE("products give equal bits in whatever order the device works") {
  std::vector<std::vector<std::byte>> first;
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
    test::fresh_device();
    test::set_order(seed);
    Products products;
    Layer layer(40, 200, 24, DType::bf16), beside(40, 200, 24, DType::bf16);
    layer.run(products);
    beside.run(products);  // with the same workspace
    CHECK(layer.bytes() == beside.bytes());
    if (first.empty()) first = layer.bytes();
    CHECK(layer.bytes() == first);
  }
}

TEST_CASE("a sum in bf16 is rounded once, though the fastest algorithm would round it twice") {
  // Half a sum is 1 + 2^-8, which would be rounded to 1; the other half is 2^-7.
  test::fresh_device();
  Products products;
  Matrix x(1, 64), w(1, 64);
  for (const std::int64_t k : {0, 1, 32, 63}) {
    x(0, k) = 1;
    w(0, k) = k == 0 ? 1 : std::ldexp(1.0, -8);
  }
  const MatrixOnDevice a(x, DType::bf16), b(w, DType::bf16), y(nothing(1, 1), DType::bf16);
  products.matmul.forward(a.tensor(), b.tensor(), y.tensor(), products.stream);
  // 1 + 3 * 2^-8 lies between 1 + 2^-7 and 1 + 2^-6, to the even of which it is rounded.
  CHECK(y.output(x).got[0] == 1 + std::ldexp(1.0, -6));
}

TEST_CASE("without a workspace there is still an algorithm") {
  test::fresh_device();
  Products products(0);
  Layer layer(16, 128, 16, DType::bf16);
  layer.run(products);
  for (const test::OpOutput& output : layer.outputs()) CHECK(error_of(output).worst <= 1e-5);
}

TEST_CASE("products are captured and replayed on what is in memory then") {
  test::fresh_device();
  Products products;
  Layer layer(24, 40, 16, DType::bf16);
  layer.run(products);  // plans
  cudaGraph_t graph = nullptr;
  ISOFLOP_CUDA(cudaStreamBeginCapture(products.stream, cudaStreamCaptureModeThreadLocal));
  layer.run(products);
  ISOFLOP_CUDA(cudaStreamEndCapture(products.stream, &graph));
  cudaGraphExec_t executable = nullptr;
  ISOFLOP_CUDA(cudaGraphInstantiate(&executable, graph, 0));
  ISOFLOP_CUDA(cudaGraphDestroy(graph));
  ISOFLOP_CUDA(cudaGraphLaunch(executable, products.stream));
  ISOFLOP_CUDA(cudaGraphLaunch(executable, products.stream));
  // Three times in all.
  const Matrix once = times(transposed(layer.dy), layer.x);
  test::OpOutput dw = layer.outputs()[2];
  dw.want = plus(plus(plus(layer.dw, once), once), once).values;
  CHECK(error_of(dw).worst <= 1e-5);
  ISOFLOP_CUDA(cudaGraphExecDestroy(executable));
}

}  // namespace
}  // namespace isoflop
