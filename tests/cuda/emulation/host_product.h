// SPDX-License-Identifier: Apache-2.0
// The matrix products of the emulated cuBLASLt, column-major as there, computed on the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <cublasLt.h>

namespace isoflop::emulation {

struct Layout {
  std::uint64_t type, rows, cols;
  std::int64_t ld;
};
struct Description {
  std::int32_t compute_type, scale_type, transpose_a, transpose_b;
};
struct Algorithm {
  std::uint32_t id, reduction_scheme, n_splits, alignment;
  std::uint64_t workspace_bytes;
};

struct Problem {
  Description op;
  Layout a, b, c, d;

  [[nodiscard]] std::size_t m() const { return d.rows; }
  [[nodiscard]] std::size_t n() const { return d.cols; }
  [[nodiscard]] std::size_t k() const { return op.transpose_a == CUBLAS_OP_N ? a.cols : a.rows; }
  /// As the table of types of cublasLtMatmul() and its rules for sizes have it.
  [[nodiscard]] cublasStatus_t check() const;
};

/// A few algorithms stand for the many of the real library: they differ in what they require and,
/// as the real ones, in the order of their sums. By estimated time, the fastest first.
[[nodiscard]] std::vector<Algorithm> algorithms_for(const Problem& problem);

[[nodiscard]] std::size_t bytes_of(const Layout& x);

struct Product {
  Problem problem;
  Algorithm algorithm;
  float alpha, beta;
  const void *a, *b, *c;
  void *d, *workspace;

  void run() const;
};

}  // namespace isoflop::emulation
