// SPDX-License-Identifier: Apache-2.0
// The three products of a layer, on the device and in double precision.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/device_memory.h"
#include "matmul.h"
#include "support/op_cases.h"

namespace isoflop::test {

/// A matrix on the device, `offset` elements into its allocation.
class MatrixOnDevice {
 public:
  MatrixOnDevice(const Matrix& m, DType dtype, std::size_t offset = 0)
      : dtype_(dtype),
        rows_(m.rows),
        cols_(m.cols),
        bytes_(encode(m, dtype), offset_bytes(offset)) {}

  [[nodiscard]] Tensor tensor() const { return {bytes_.data(), dtype_, rows_, cols_}; }
  [[nodiscard]] OpOutput output(const Matrix& want) const {
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

inline Matrix nothing(std::int64_t rows, std::int64_t cols) {
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
  Stream stream;
};

inline constexpr std::size_t kAllTensors = 6;
/// The three products of a layer of this size. Of its tensors x, w, dy, y, dx, dw, `which` or all
/// lie `offset` elements off their alignment.
struct Layer {
  Layer(std::int64_t rows, std::int64_t in, std::int64_t out, DType storage, std::size_t offset = 0,
        std::size_t which = kAllTensors)
      : x(stored_as(storage, random_matrix(rows, in, 1))),
        w(stored_as(storage, random_matrix(out, in, 2))),
        dy(stored_as(storage, random_matrix(rows, out, 3))),
        dw(random_matrix(out, in, 5)),
        x_(x, storage, which == kAllTensors || which == 0 ? offset : 0),
        w_(w, storage, which == kAllTensors || which == 1 ? offset : 0),
        dy_(dy, storage, which == kAllTensors || which == 2 ? offset : 0),
        y_(nothing(rows, out), storage, which == kAllTensors || which == 3 ? offset : 0),
        dx_(nothing(rows, in), storage, which == kAllTensors || which == 4 ? offset : 0),
        dw_(dw, DType::f32, which == kAllTensors || which == 5 ? offset : 0) {}

  void run(Products& on) {
    on.matmul.forward(x_.tensor(), w_.tensor(), y_.tensor(), on.stream);
    on.matmul.backward_input(dy_.tensor(), w_.tensor(), dx_.tensor(), on.stream);
    on.matmul.backward_weight(dy_.tensor(), x_.tensor(), dw_.tensor(), on.stream);
  }
  [[nodiscard]] std::vector<OpOutput> outputs() const {
    return {y_.output(times_transposed(x, w)), dx_.output(times(dy, w)),
            dw_.output(plus(dw, times(transposed(dy), x)))};
  }
  [[nodiscard]] std::vector<std::vector<std::byte>> bytes() const {
    return {y_.bytes(), dx_.bytes(), dw_.bytes()};
  }

  Matrix x, w, dy, dw;

 private:
  MatrixOnDevice x_, w_, dy_, y_, dx_, dw_;
};

}  // namespace isoflop::test
