// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// The three GEMMs of a linear layer, by cuBLASLt, on row-major tensors. x, w, y, dy and
/// dx are all f32 (products and sums in f32, never TF32) or all bf16 (sums in f32, rounded once);
/// dw is always f32.
///
/// What cuBLASLt needs to know of a shape is asked once, at its first call, and kept. The choice of
/// an algorithm depends on shapes, types and how the tensors are aligned (up to 16 bytes), never on
/// a measurement, and no algorithm is taken that splits K without a deterministic reduction: equal
/// calls give equal bits on one kind of GPU and release of cuBLASLt. Calls enqueue; they wait for
/// nothing and allocate nothing on the device.
///
/// Calls of one Matmul share the workspace: they must be in order, on one stream or on streams that
/// wait for each other. Not for use by several threads at a time.
class Matmul {
 public:
  /// What cuBLAS's documentation recommends for sm_90 (at cublasSetWorkspace).
  static constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;

  /// `workspace`: memory of the current device, aligned to 256 bytes, that outlives the object.
  Matmul(void* workspace, std::int64_t workspace_bytes);

  /// y [R, out] = x [R, in] w^T, w [out, in].
  void forward(Tensor x, Tensor w, Tensor y, cudaStream_t stream);
  /// dx [R, in] = dy [R, out] w.
  void backward_input(Tensor dy, Tensor w, Tensor dx, cudaStream_t stream);
  /// dw [out, in] += dy^T x.
  void backward_weight(Tensor dy, Tensor x, Tensor dw, cudaStream_t stream);

 private:
  /// One GEMM as cuBLASLt sees it, column-major: d [m, n] = op(a) op(b) (+ d). A row-major
  /// [rows, cols] is a column-major [cols, rows].
  struct Product {
    cublasOperation_t transpose_a, transpose_b;
    std::int64_t m, n, k;
    DType in, out;
    bool accumulates = false;                                         // beta: 1 or 0
    std::uint32_t a_alignment = 0, b_alignment = 0, d_alignment = 0;  // bytes

    // NOLINTNEXTLINE(modernize-use-nullptr): of clang-tidy 14
    auto operator<=>(const Product&) const = default;
    [[nodiscard]] std::string describe() const;
  };
  struct Plan {
    cublasLtMatmulDescOpaque_t operation;
    cublasLtMatrixLayoutOpaque_t a, b, d;
    cublasLtMatmulAlgo_t algorithm;
  };
  struct Destroy {
    void operator()(cublasLtHandle_t handle) const { cublasLtDestroy(handle); }
  };

  void multiply(Product product, const void* a, const void* b, void* d, cudaStream_t stream);
  [[nodiscard]] Plan& plan_of(const Product& product);
  [[nodiscard]] Plan make_plan(const Product& product) const;
  void choose_algorithm(const Product& product, Plan& plan) const;

  std::unique_ptr<cublasLtContext, Destroy> handle_;
  void* workspace_;
  std::size_t workspace_bytes_;
  std::map<Product, Plan> plans_;
};

}  // namespace isoflop
