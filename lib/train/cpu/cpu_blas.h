// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace isoflop {

/// One product of row-major float matrices: C [m, n] = A B, or C += A B where `accumulate`.
struct Product {
  std::int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;  // [m, k], or [k, m] where a_transposed
  std::int64_t a_stride = 0;
  bool a_transposed = false;
  const float* b = nullptr;  // [k, n], or [n, k] where b_transposed
  std::int64_t b_stride = 0;
  bool b_transposed = false;
  float* c = nullptr;
  std::int64_t c_stride = 0;
  bool accumulate = false;
};

/// The library's product, in the calling thread alone. m, n, k > 0.
void blas_product(const Product& product);

/// Holds the library to one thread per caller: ranks are threads, each with products of its own,
/// and two such ranks beat one rank of two BLAS threads at every shape these models have.
void use_one_blas_thread();

/// Whether the library chooses its code by the machine it runs on. One that does not was compiled
/// for the oldest machine the build may be carried to.
[[nodiscard]] bool blas_knows_the_machine();

/// With the machine whose code it has chosen, if it chooses: its rounding depends on that.
[[nodiscard]] const char* blas_name();

}  // namespace isoflop
