// SPDX-License-Identifier: Apache-2.0
#include "host_product.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include <cuda_bf16.h>

namespace isoflop::emulation {
namespace {

bool is_known(std::uint64_t type) { return type == CUDA_R_32F || type == CUDA_R_16BF; }
std::size_t size_of_type(std::uint64_t type) { return type == CUDA_R_16BF ? 2 : 4; }

float load(const void* data, std::uint64_t type, std::size_t at) {
  if (type == CUDA_R_32F) return static_cast<const float*>(data)[at];
  const auto bits = static_cast<const std::uint16_t*>(data)[at];
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
void store(void* data, std::uint64_t type, std::size_t at, float value) {
  if (type == CUDA_R_32F) {
    static_cast<float*>(data)[at] = value;
  } else {
    static_cast<__nv_bfloat16*>(data)[at] = __float2bfloat16_rn(value);
  }
}

/// [length, k] as floats, row by row: rows of op(A), or columns of op(B).
std::vector<float> as_rows(const void* data, const Layout& x, bool k_is_contiguous) {
  const std::size_t length = k_is_contiguous ? x.cols : x.rows,
                    k = k_is_contiguous ? x.rows : x.cols;
  const auto ld = static_cast<std::size_t>(x.ld);
  std::vector<float> rows(length * k);
  for (std::size_t i = 0; i < length; ++i)
    for (std::size_t j = 0; j < k; ++j)
      rows[i * k + j] = load(data, x.type, k_is_contiguous ? i * ld + j : j * ld + i);
  return rows;
}

float dot(const float* x, const float* y, std::size_t n) {
  std::array<float, 8> sums{};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (std::size_t j = 0; j < 8; ++j) sums[j] += x[i + j] * y[i + j];
  float rest = 0;
  for (; i < n; ++i) rest += x[i] * y[i];
  return (((sums[0] + sums[4]) + (sums[2] + sums[6])) +
          ((sums[1] + sums[5]) + (sums[3] + sums[7]))) +
         rest;
}

}  // namespace

std::size_t bytes_of(const Layout& x) {
  return (x.cols - 1) * static_cast<std::size_t>(x.ld) * size_of_type(x.type) +
         x.rows * size_of_type(x.type);
}

cublasStatus_t Problem::check() const {
  if (op.compute_type != CUBLAS_COMPUTE_32F || op.scale_type != CUDA_R_32F)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  for (const Layout& x : {a, b, c, d}) {
    if (!is_known(x.type)) return CUBLAS_STATUS_NOT_SUPPORTED;
    if (x.rows == 0 || x.cols == 0 || x.ld < static_cast<std::int64_t>(x.rows))
      return CUBLAS_STATUS_INVALID_VALUE;
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
    if (x.rows > kMost || x.cols > kMost) return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (a.type != b.type || c.type != d.type) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (a.type == CUDA_R_32F && d.type != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  const bool at = op.transpose_a != CUBLAS_OP_N, bt = op.transpose_b != CUBLAS_OP_N;
  const bool fits = (at ? a.cols : a.rows) == m() && (bt ? b.rows : b.cols) == n() &&
                    (bt ? b.cols : b.rows) == k() && c.rows == m() && c.cols == n();
  return fits ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

std::vector<Algorithm> algorithms_for(const Problem& p) {
  const std::uint64_t partial_bytes = 2 * p.m() * p.n() * sizeof(float);
  std::vector<Algorithm> all;
  if (p.k() >= 64) {  // worth splitting
    all.push_back({1, CUBLASLT_REDUCTION_SCHEME_INPLACE, 2, 16, 1024});
    all.push_back({2, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, 2, 16, partial_bytes});
  }
  all.push_back({3, CUBLASLT_REDUCTION_SCHEME_NONE, 1, 16, 0});
  const auto element = static_cast<std::uint32_t>(size_of_type(p.a.type));
  all.push_back({4, CUBLASLT_REDUCTION_SCHEME_NONE, 1, element, 0});
  return all;
}

void Product::run() const {
  const Problem& p = problem;
  const std::size_t k = p.k(), first = algorithm.n_splits == 1 ? k : k / 2;
  const auto rows = as_rows(a, p.a, p.op.transpose_a != CUBLAS_OP_N);
  const auto cols = as_rows(b, p.b, p.op.transpose_b == CUBLAS_OP_N);
  if (workspace != nullptr) std::memset(workspace, 0xff, algorithm.workspace_bytes);
  for (std::size_t j = 0; j < p.n(); ++j)
    for (std::size_t i = 0; i < p.m(); ++i) {
      const float *x = &rows[i * k], *y = &cols[j * k];
      const std::size_t at_c = j * static_cast<std::size_t>(p.c.ld) + i;
      const std::size_t at_d = j * static_cast<std::size_t>(p.d.ld) + i;
      // Without a beta C is not read: it may be NaN.
      const float added = beta == 0 ? 0 : beta * load(c, p.c.type, at_c);
      const float part = dot(x, y, first), other = dot(x + first, y + first, k - first);
      if (algorithm.reduction_scheme == CUBLASLT_REDUCTION_SCHEME_INPLACE) {
        store(d, p.d.type, at_d, alpha * part + added);
        store(d, p.d.type, at_d, load(d, p.d.type, at_d) + alpha * other);
      } else {
        store(d, p.d.type, at_d, alpha * (part + other) + added);
      }
    }
}

}  // namespace isoflop::emulation
