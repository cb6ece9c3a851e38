// SPDX-License-Identifier: Apache-2.0
#include "matmul.h"

#include <algorithm>
#include <array>
#include <new>
#include <sstream>
#include <string>

#include "cuda_error.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

void check_cublas(cublasStatus_t status, const std::string& what) {
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw std::bad_alloc();
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(ErrorCode::device, "cuBLASLt, " + what + ": " + cublasLtGetStatusString(status) +
                                       " (status " + std::to_string(static_cast<int>(status)) +
                                       ")");
}

// The widest access that algorithms ask for. To tell them of more would let tensors of one shape be
// multiplied by different algorithms.
constexpr std::uint32_t kWidestAccess = 16;

std::uint32_t alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer) | kWidestAccess;
  return static_cast<std::uint32_t>(address & (~address + 1));  // its lowest bit
}

cudaDataType_t cuda_type(DType dtype) { return dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F; }
const char* name_of(DType dtype) { return dtype == DType::bf16 ? "bf16" : "f32"; }

/// Column-major, as stored: [rows, cols] with nothing in between.
cublasLtMatrixLayoutOpaque_t layout_of(DType dtype, std::int64_t rows, std::int64_t cols) {
  cublasLtMatrixLayoutOpaque_t layout;
  check_cublas(cublasLtMatrixLayoutInit(&layout, cuda_type(dtype), static_cast<std::uint64_t>(rows),
                                        static_cast<std::uint64_t>(cols), rows),
               "layout");
  return layout;
}

template <class T>
void prefer(cublasLtMatmulPreferenceOpaque_t& preference,
            cublasLtMatmulPreferenceAttributes_t attribute, T value) {
  check_cublas(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof value),
               "preference");
}

// Split-K is allowed where partial sums stay in f32 in the workspace and are reduced in a step of
// their own. The other schemes add in the output's type: bf16 would be rounded more than once.
constexpr std::uint32_t kReductionSchemes = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

bool is_deterministic(const cublasLtMatmulAlgo_t& algorithm) {
  std::uint32_t scheme = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::size_t n_written = 0;
  check_cublas(
      cublasLtMatmulAlgoConfigGetAttribute(&algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME,
                                           &scheme, sizeof scheme, &n_written),
      "reduction scheme");
  return (scheme & ~kReductionSchemes) == 0;
}

}  // namespace

Matmul::Matmul(void* workspace, std::int64_t workspace_bytes)
    : workspace_(workspace), workspace_bytes_(static_cast<std::size_t>(workspace_bytes)) {
  cublasLtHandle_t handle = nullptr;
  check_cublas(cublasLtCreate(&handle), "start");
  handle_.reset(handle);
}

void Matmul::forward(Tensor x, Tensor w, Tensor y, cudaStream_t stream) {
  // y^T [out, R] = w x^T, of w^T [in, out] and x^T [in, R] as stored.
  multiply({CUBLAS_OP_T, CUBLAS_OP_N, w.rows, x.rows, x.cols, x.dtype, y.dtype}, w.data, x.data,
           y.data, stream);
}

void Matmul::backward_input(Tensor dy, Tensor w, Tensor dx, cudaStream_t stream) {
  // dx^T [in, R] = w^T dy^T.
  multiply({CUBLAS_OP_N, CUBLAS_OP_N, w.cols, dy.rows, dy.cols, dy.dtype, dx.dtype}, w.data,
           dy.data, dx.data, stream);
}

void Matmul::backward_weight(Tensor dy, Tensor x, Tensor dw, cudaStream_t stream) {
  // dw^T [in, out] += x^T dy.
  multiply({CUBLAS_OP_N, CUBLAS_OP_T, x.cols, dy.cols, x.rows, x.dtype, dw.dtype, true}, x.data,
           dy.data, dw.data, stream);
}

void Matmul::multiply(Product product, const void* a, const void* b, void* d, cudaStream_t stream) {
  if (product.m == 0 || product.n == 0) return;
  if (product.k == 0) {  // a sum of nothing, for which there are no layouts
    if (!product.accumulates)
      ISOFLOP_CUDA(cudaMemsetAsync(
          d, 0, static_cast<std::size_t>(product.m * product.n * size_of(product.out)), stream));
    return;
  }
  product.a_alignment = alignment_of(a);
  product.b_alignment = alignment_of(b);
  product.d_alignment = alignment_of(d);
  Plan& plan = plan_of(product);
  const float alpha = 1, beta = product.accumulates ? 1 : 0;
  const cublasStatus_t status =
      cublasLtMatmul(handle_.get(), &plan.operation, &alpha, a, &plan.a, b, &plan.b, &beta, d,
                     &plan.d, d, &plan.d, &plan.algorithm, workspace_, workspace_bytes_, stream);
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const std::string failure = device_failure(stream);
  check_cublas(status,
               product.describe() + (failure.empty() ? "" : ", on a device with " + failure));
}

Matmul::Plan& Matmul::plan_of(const Product& product) {
  const auto known = plans_.find(product);
  return known != plans_.end() ? known->second
                               : plans_.emplace(product, make_plan(product)).first->second;
}

Matmul::Plan Matmul::make_plan(const Product& p) const {
  Plan plan;
  check_cublas(cublasLtMatmulDescInit(&plan.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F),
               "operation");
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, cublasOperation_t transpose) {
    check_cublas(
        cublasLtMatmulDescSetAttribute(&plan.operation, attribute, &transpose, sizeof transpose),
        "operation");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_a);
  set(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_b);
  plan.a = p.transpose_a == CUBLAS_OP_N ? layout_of(p.in, p.m, p.k) : layout_of(p.in, p.k, p.m);
  plan.b = p.transpose_b == CUBLAS_OP_N ? layout_of(p.in, p.k, p.n) : layout_of(p.in, p.n, p.k);
  plan.d = layout_of(p.out, p.m, p.n);
  choose_algorithm(p, plan);
  return plan;
}

void Matmul::choose_algorithm(const Product& p, Plan& plan) const {
  cublasLtMatmulPreferenceOpaque_t preference;
  check_cublas(cublasLtMatmulPreferenceInit(&preference), "preference");
  prefer(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace_bytes_});
  prefer(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kReductionSchemes);
  prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, p.a_alignment);
  prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, p.b_alignment);
  prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, p.d_alignment);
  prefer(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, p.d_alignment);
  // By estimated time, the fastest first.
  std::array<cublasLtMatmulHeuristicResult_t, 8> found;
  int n_found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle_.get(), &plan.operation, &plan.a, &plan.b, &plan.d, &plan.d, &preference,
      static_cast<int>(found.size()), found.data(), &n_found);
  if (status != CUBLAS_STATUS_SUCCESS) check_cublas(status, "no algorithm for " + p.describe());
  const auto end = found.begin() + n_found;
  const auto chosen = std::find_if(found.begin(), end, [&](const auto& result) {
    return result.state == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= workspace_bytes_ &&
           is_deterministic(result.algo);
  });
  if (chosen == end)
    throw Error(ErrorCode::device,
                "cuBLASLt has no algorithm with sums in a fixed order for " + p.describe());
  plan.algorithm = chosen->algo;
}

std::string Matmul::Product::describe() const {
  std::ostringstream text;
  text << "the product d [" << m << ", " << n << "] " << name_of(out)
       << (accumulates ? " += " : " = ") << (transpose_a == CUBLAS_OP_T ? "a^T" : "a") << " [" << m
       << ", " << k << "] " << (transpose_b == CUBLAS_OP_T ? "b^T" : "b") << " [" << k << ", " << n
       << "] " << name_of(in) << ", a, b and d aligned to " << a_alignment << ", " << b_alignment
       << " and " << d_alignment << " bytes";
  return text.str();
}

}  // namespace isoflop
