// SPDX-License-Identifier: Apache-2.0
// libcublasLt: the products that isoflop asks for, computed on the host as work of a stream. Three
// algorithms stand for the many of the real library: they differ in what they require and, as the
// real ones, in the order of their sums.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include <cublasLt.h>
#include <cuda_bf16.h>

#include "emulated_device.h"

struct cublasLtContext {
  std::uint64_t is_alive = 0x6c626c7461;
};

namespace isoflop::emulation {
namespace {

struct Layout {
  std::uint64_t type, rows, cols;
  std::int64_t ld;
};
struct Description {
  std::int32_t compute_type, scale_type, transpose_a, transpose_b;
};
struct Preference {
  std::uint64_t workspace_bytes = 0;
  std::uint32_t reduction_schemes = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::array<std::uint32_t, 4> alignments{256, 256, 256, 256};  // of A, B, C, D
};
struct Algorithm {
  std::uint32_t id, reduction_scheme, n_splits, alignment;
  std::uint64_t workspace_bytes;
};

template <class T, class Opaque>
T read(const Opaque* opaque) {
  static_assert(sizeof(T) <= sizeof opaque->data);
  T value;
  std::memcpy(&value, opaque->data, sizeof value);
  return value;
}
template <class T, class Opaque>
void write(Opaque* opaque, const T& value) {
  static_assert(sizeof(T) <= sizeof opaque->data);
  std::memcpy(opaque->data, &value, sizeof value);
}
/// One attribute, whose size the caller must know.
template <class T>
cublasStatus_t assign(T& to, const void* from, std::size_t size) {
  if (from == nullptr || size != sizeof to) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, from, size);
  return CUBLAS_STATUS_SUCCESS;
}

bool is_known(std::uint64_t type) { return type == CUDA_R_32F || type == CUDA_R_16BF; }
std::size_t size_of_type(std::uint64_t type) { return type == CUDA_R_16BF ? 2 : 4; }
std::size_t bytes_of(const Layout& x) {
  return (x.cols - 1) * static_cast<std::size_t>(x.ld) * size_of_type(x.type) +
         x.rows * size_of_type(x.type);
}

struct Problem {
  Description op;
  Layout a, b, c, d;

  [[nodiscard]] std::size_t m() const { return d.rows; }
  [[nodiscard]] std::size_t n() const { return d.cols; }
  [[nodiscard]] std::size_t k() const { return op.transpose_a == CUBLAS_OP_N ? a.cols : a.rows; }
  /// As the table of types of cublasLtMatmul() and its rules for sizes have it.
  [[nodiscard]] cublasStatus_t check() const;
};

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

/// By estimated time, the fastest first.
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

struct Product {
  Problem problem;
  Algorithm algorithm;
  float alpha, beta;
  const void *a, *b, *c;
  void *d, *workspace;

  void run() const {
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
};

bool is_aligned(const void* pointer, std::uint32_t alignment) {
  return reinterpret_cast<std::uintptr_t>(pointer) % alignment == 0;
}
bool is_free(const cublasLtContext* handle) {
  return handle == nullptr || handle->is_alive != cublasLtContext{}.is_alive;
}

}  // namespace
}  // namespace isoflop::emulation

using isoflop::emulation::Algorithm;
using isoflop::emulation::Description;
using isoflop::emulation::Layout;
using isoflop::emulation::Preference;
using isoflop::emulation::Problem;
using isoflop::emulation::Product;

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  if (isoflop::emulation::is_free(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->is_alive = 0;
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "success";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "the library was not initialized";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an unsupported value or parameter was passed";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "the function failed to launch on the GPU";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the requested functionality is not supported";
    default:
      return "unknown error";
  }
}
std::size_t cublasLtGetVersion() { return CUBLAS_VERSION; }

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t layout, std::size_t size,
                                                 cudaDataType type, std::uint64_t rows,
                                                 std::uint64_t cols, std::int64_t ld) {
  if (size != sizeof *layout) return CUBLAS_STATUS_INVALID_VALUE;
  isoflop::emulation::write(layout, Layout{static_cast<std::uint64_t>(type), rows, cols, ld});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t cols, std::int64_t ld) {
  *layout = new cublasLtMatrixLayoutOpaque_t;
  return cublasLtMatrixLayoutInit(*layout, type, rows, cols, ld);
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t description, std::size_t size,
                                               cublasComputeType_t compute_type,
                                               cudaDataType_t scale_type) {
  if (size != sizeof *description) return CUBLAS_STATUS_INVALID_VALUE;
  isoflop::emulation::write(description,
                            Description{compute_type, scale_type, CUBLAS_OP_N, CUBLAS_OP_N});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description,
                                        cublasComputeType_t compute_type,
                                        cudaDataType_t scale_type) {
  *description = new cublasLtMatmulDescOpaque_t;
  return cublasLtMatmulDescInit(*description, compute_type, scale_type);
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  delete description;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t size) {
  auto op = isoflop::emulation::read<Description>(description);
  std::int32_t* to = attribute == CUBLASLT_MATMUL_DESC_TRANSA   ? &op.transpose_a
                     : attribute == CUBLASLT_MATMUL_DESC_TRANSB ? &op.transpose_b
                                                                : nullptr;
  if (to == nullptr) return CUBLAS_STATUS_NOT_SUPPORTED;  // by the emulation
  const cublasStatus_t status = isoflop::emulation::assign(*to, value, size);
  isoflop::emulation::write(description, op);
  return status;
}

cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t preference,
                                                     std::size_t size) {
  if (size != sizeof *preference) return CUBLAS_STATUS_INVALID_VALUE;
  isoflop::emulation::write(preference, Preference{});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new cublasLtMatmulPreferenceOpaque_t;
  return cublasLtMatmulPreferenceInit(*preference);
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t size) {
  auto p = isoflop::emulation::read<Preference>(preference);
  cublasStatus_t status = CUBLAS_STATUS_NOT_SUPPORTED;  // by the emulation
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
    status = isoflop::emulation::assign(p.workspace_bytes, value, size);
  if (attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
    status = isoflop::emulation::assign(p.reduction_schemes, value, size);
  if (attribute >= CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES &&
      attribute <= CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES)
    status = isoflop::emulation::assign(p.alignments[static_cast<std::size_t>(attribute) -
                                                     CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES],
                                        value, size);
  isoflop::emulation::write(preference, p);
  return status;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                              cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int n_wanted,
                                              cublasLtMatmulHeuristicResult_t* results,
                                              int* n_found) {
  using isoflop::emulation::read;
  isoflop::emulation::count_heuristic_search();
  *n_found = 0;
  if (isoflop::emulation::is_free(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (n_wanted <= 0) return CUBLAS_STATUS_INVALID_VALUE;
  const Problem problem{read<Description>(description), read<Layout>(a), read<Layout>(b),
                        read<Layout>(c), read<Layout>(d)};
  if (const cublasStatus_t status = problem.check(); status != CUBLAS_STATUS_SUCCESS) return status;
  const auto wish = read<Preference>(preference);
  const std::uint32_t alignment = *std::ranges::min_element(wish.alignments);
  for (const Algorithm& algorithm : isoflop::emulation::algorithms_for(problem)) {
    const std::uint32_t scheme = algorithm.reduction_scheme;
    if (*n_found == n_wanted) break;
    if (algorithm.workspace_bytes > wish.workspace_bytes || algorithm.alignment > alignment ||
        (scheme != 0 && (scheme & wish.reduction_schemes) == 0))
      continue;
    cublasLtMatmulHeuristicResult_t& result = results[(*n_found)++];
    result = {};
    isoflop::emulation::write(&result.algo, algorithm);
    result.workspaceSize = algorithm.workspace_bytes;
    result.state = CUBLAS_STATUS_SUCCESS;
    result.wavesCount = 1;
  }
  return *n_found == 0 ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t* algo,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute,
                                                    void* value, std::size_t size,
                                                    std::size_t* n_written) {
  const auto algorithm = isoflop::emulation::read<Algorithm>(algo);
  const std::uint32_t found = attribute == CUBLASLT_ALGO_CONFIG_ID ? algorithm.id
                              : attribute == CUBLASLT_ALGO_CONFIG_SPLITK_NUM
                                  ? algorithm.n_splits
                                  : algorithm.reduction_scheme;
  if (attribute != CUBLASLT_ALGO_CONFIG_ID && attribute != CUBLASLT_ALGO_CONFIG_SPLITK_NUM &&
      attribute != CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME)
    return CUBLAS_STATUS_NOT_SUPPORTED;  // by the emulation
  if (size != sizeof found) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(value, &found, sizeof found);
  if (n_written != nullptr) *n_written = sizeof found;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                              const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo,
                              void* workspace, std::size_t workspace_bytes, cudaStream_t stream) {
  using isoflop::emulation::is_aligned;
  using isoflop::emulation::is_device_memory;
  using isoflop::emulation::read;
  if (isoflop::emulation::is_free(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (algo == nullptr) return CUBLAS_STATUS_NOT_SUPPORTED;  // by the emulation
  const Problem problem{read<Description>(description), read<Layout>(a_layout),
                        read<Layout>(b_layout), read<Layout>(c_layout), read<Layout>(d_layout)};
  if (const cublasStatus_t status = problem.check(); status != CUBLAS_STATUS_SUCCESS) return status;
  const auto algorithm = read<Algorithm>(algo);
  const bool fits =
      algorithm.workspace_bytes <= workspace_bytes && is_aligned(a, algorithm.alignment) &&
      is_aligned(b, algorithm.alignment) && is_aligned(c, algorithm.alignment) &&
      is_aligned(d, algorithm.alignment) && is_aligned(workspace, 16) &&
      is_device_memory(a, bytes_of(problem.a)) && is_device_memory(b, bytes_of(problem.b)) &&
      is_device_memory(c, bytes_of(problem.c)) && is_device_memory(d, bytes_of(problem.d)) &&
      (workspace_bytes == 0 || is_device_memory(workspace, workspace_bytes));
  if (!fits) return CUBLAS_STATUS_INVALID_VALUE;
  isoflop::emulation::count_matrix_product();
  const Product product{problem,
                        algorithm,
                        *static_cast<const float*>(alpha),
                        *static_cast<const float*>(beta),
                        a,
                        b,
                        c,
                        d,
                        workspace};
  const cudaError_t status = isoflop::emulation::enqueue(stream, [product] {
    product.run();
    return isoflop::emulation::Progress::done;
  });
  return status == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
