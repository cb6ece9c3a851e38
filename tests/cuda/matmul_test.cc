// SPDX-License-Identifier: Apache-2.0
#include "matmul.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "cuda/device_memory.h"
#include "emulated_device.h"
#include "isoflop/error.h"
#include "support/catch.h"
#include "support/op_cases.h"

namespace isoflop {
namespace {

using test::DeviceArray;
using test::Matrix;
using test::random_matrix;

/// A matrix on the device, `offset` elements into its allocation.
class OnDevice {
 public:
  OnDevice(const Matrix& m, DType dtype, std::size_t offset = 0)
      : dtype_(dtype),
        rows_(m.rows),
        cols_(m.cols),
        bytes_(encode(m, dtype), offset_bytes(offset)) {}

  [[nodiscard]] Tensor tensor() const { return {bytes_.data(), dtype_, rows_, cols_}; }
  [[nodiscard]] test::OpOutput output(const Matrix& want) const {
    return {"d", dtype_, cols_, decode(), want.values};
  }
  [[nodiscard]] std::vector<std::byte> bytes() const { return bytes_.values(); }

 private:
  [[nodiscard]] std::size_t offset_bytes(std::size_t offset) const {
    return offset * static_cast<std::size_t>(size_of(dtype_));
  }
  static std::vector<std::byte> encode(const Matrix& m, DType dtype) {
    std::vector<std::byte> bytes;
    for (const double value : m.values) {
      const auto x = static_cast<float>(value);
      const std::uint32_t bits =
          dtype == DType::bf16 ? round_to_bf16(x) : std::bit_cast<std::uint32_t>(x);
      for (int i = 0; i < size_of(dtype); ++i)
        bytes.push_back(static_cast<std::byte>(bits >> 8 * i & 0xff));
    }
    return bytes;
  }
  [[nodiscard]] std::vector<double> decode() const {
    const std::vector<std::byte> bytes = bytes_.values();
    const auto size = static_cast<std::size_t>(size_of(dtype_));
    std::vector<double> values;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      std::uint32_t bits = 0;
      for (std::size_t i = 0; i < size; ++i)
        bits |= static_cast<std::uint32_t>(bytes[at + i]) << 8 * i;
      values.push_back(static_cast<double>(dtype_ == DType::bf16
                                               ? lift_bf16(static_cast<std::uint16_t>(bits))
                                               : std::bit_cast<float>(bits)));
    }
    return values;
  }

  DType dtype_;
  std::int64_t rows_, cols_;
  DeviceArray<std::byte> bytes_;
};

Matrix nothing(std::int64_t rows, std::int64_t cols) {
  Matrix m(rows, cols);
  for (double& x : m.values) x = NAN;
  return m;
}

/// A Matmul with its workspace.
struct Products {
  explicit Products(std::int64_t workspace_bytes = Matmul::kWorkspaceBytes)
      : workspace(static_cast<std::size_t>(workspace_bytes)),
        matmul(workspace.data(), workspace_bytes) {}
  DeviceArray<std::byte> workspace;
  Matmul matmul;
  test::Stream stream;
};

constexpr std::size_t kAll = 6;
/// The three products of a layer of this size. Of its tensors x, w, dy, y, dx, dw, `which` or all
/// lie `offset` elements off their alignment.
struct Layer {
  Layer(std::int64_t rows, std::int64_t in, std::int64_t out, DType storage, std::size_t offset = 0,
        std::size_t which = kAll)
      : x(test::stored_as(storage, random_matrix(rows, in, 1))),
        w(test::stored_as(storage, random_matrix(out, in, 2))),
        dy(test::stored_as(storage, random_matrix(rows, out, 3))),
        dw(random_matrix(out, in, 5)),
        x_(x, storage, which == kAll || which == 0 ? offset : 0),
        w_(w, storage, which == kAll || which == 1 ? offset : 0),
        dy_(dy, storage, which == kAll || which == 2 ? offset : 0),
        y_(nothing(rows, out), storage, which == kAll || which == 3 ? offset : 0),
        dx_(nothing(rows, in), storage, which == kAll || which == 4 ? offset : 0),
        dw_(dw, DType::f32, which == kAll || which == 5 ? offset : 0) {}

  void run(Products& on) {
    on.matmul.forward(x_.tensor(), w_.tensor(), y_.tensor(), on.stream);
    on.matmul.backward_input(dy_.tensor(), w_.tensor(), dx_.tensor(), on.stream);
    on.matmul.backward_weight(dy_.tensor(), x_.tensor(), dw_.tensor(), on.stream);
  }
  [[nodiscard]] std::vector<test::OpOutput> outputs() const {
    return {y_.output(times_transposed(x, w)), dx_.output(times(dy, w)),
            dw_.output(plus(dw, times(transposed(dy), x)))};
  }
  [[nodiscard]] std::vector<std::vector<std::byte>> bytes() const {
    return {y_.bytes(), dx_.bytes(), dw_.bytes()};
  }

  Matrix x, w, dy, dw;

 private:
  OnDevice x_, w_, dy_, y_, dx_, dw_;
};

struct Size {
  std::int64_t rows, in, out;
};
// Odd sizes, and those of the table of operations: empty, one, off every power of two.
const std::vector<Size> kSizes{{0, 5, 3},     {4, 0, 6},     {5, 8, 0},    {1, 1, 1},
                               {1, 24, 7},    {7, 3, 5},     {13, 17, 19}, {20, 16, 24},
                               {128, 24, 72}, {33, 48, 100}, {5, 300, 9},  {257, 9, 66},
                               {12, 64, 300}, {29, 131, 257}};

TEST_CASE("a layer's products are those of double precision, wherever the tensors lie") {
  emulation::reset();
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
  emulation::reset();
  Products products;
  for (std::size_t which = 0; which < kAll; ++which) {
    Layer layer(16, 64, 32, DType::bf16, 1, which);
    layer.run(products);
    INFO("tensor " << which);
    for (const test::OpOutput& output : layer.outputs()) CHECK(error_of(output).worst <= 1e-5);
  }
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

TEST_CASE("products give equal bits in whatever order the device works") {
  std::vector<std::vector<std::byte>> first;
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
    emulation::reset();
    emulation::set_seed(seed);
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
  emulation::reset();
  Products products;
  Matrix x(1, 64), w(1, 64);
  for (const std::int64_t k : {0, 1, 32, 63}) {
    x(0, k) = 1;
    w(0, k) = k == 0 ? 1 : std::ldexp(1.0, -8);
  }
  const OnDevice a(x, DType::bf16), b(w, DType::bf16), y(nothing(1, 1), DType::bf16);
  products.matmul.forward(a.tensor(), b.tensor(), y.tensor(), products.stream);
  // 1 + 3 * 2^-8 lies between 1 + 2^-7 and 1 + 2^-6, to the even of which it is rounded.
  CHECK(y.output(x).got[0] == 1 + std::ldexp(1.0, -6));
}

TEST_CASE("without a workspace there is still an algorithm") {
  emulation::reset();
  Products products(0);
  Layer layer(16, 128, 16, DType::bf16);
  layer.run(products);
  for (const test::OpOutput& output : layer.outputs()) CHECK(error_of(output).worst <= 1e-5);
}

TEST_CASE("a product that cuBLASLt does not know is refused with its shape and types") {
  emulation::reset();
  Products products;
  const OnDevice x(random_matrix(3, 4, 1), DType::f32), w(random_matrix(5, 4, 2), DType::f32);
  const OnDevice y(nothing(3, 5), DType::bf16);
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

TEST_CASE("products are captured and replayed on what is in memory then") {
  emulation::reset();
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
