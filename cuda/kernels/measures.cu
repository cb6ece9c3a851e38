// SPDX-License-Identifier: Apache-2.0
#include "kernels/launch_shape.cuh"
#include "kernels/measures.h"
#include "kernels/reduce.cuh"

namespace isoflop {
namespace {

/// Sum of term(x[i]) over n elements, for all kThreads threads of the block. The elements of a pack
/// go to sums of their own, so that additions do not wait for each other.
template <int kThreads, class T, class Term>
__device__ __forceinline__ double sum_of_terms(const T* x, std::int64_t n, Term term) {
  double sums[kVectorSize<T>] = {};
  sweep_packs<kThreads>(x, n, static_cast<int>(threadIdx.x), [&](const auto& pack, std::int64_t) {
    constexpr int kWidth = sizeof(pack) / sizeof(T);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) sums[j] += term(static_cast<double>(upcast(pack.values[j])));
  });
  double sum = 0;
#pragma unroll
  for (int j = 0; j < kVectorSize<T>; ++j) sum += sums[j];
  return reduce_sum<kThreads>(sum);
}

constexpr int kNormThreads = 256;

template <class T>
__global__ void __launch_bounds__(kNormThreads)
    squared_norms_kernel(const T* x, const Range* parts, double* sums) {
  const Range part = parts[blockIdx.x];
  const double sum = sum_of_terms<kNormThreads>(x + part.begin, part.end - part.begin,
                                                [](double value) { return value * value; });
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

constexpr int kRowThreads = 1024;

__global__ void __launch_bounds__(kRowThreads)
    row_sums_kernel(std::int64_t n_cols, const float* x, double* sums) {
  const double sum = sum_of_terms<kRowThreads>(x + blockIdx.x * n_cols, n_cols,
                                               [](double value) { return value; });
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kRowThreads)
    dot_kernel(std::int64_t n, const double* a, const double* b, double* result) {
  double sum = 0;
#pragma unroll 8
  for (std::int64_t i = threadIdx.x; i < n; i += kRowThreads) sum += a[i] * b[i];
  sum = reduce_sum<kRowThreads>(sum);
  if (threadIdx.x == 0) *result = sum;
}

__global__ void clip_scale_kernel(std::int64_t n, const double* measures, double max_norm,
                                  float* scale) {
  double defect = 0;  // 0, or NaN where a measure is not finite
  for (std::int64_t i = threadIdx.x; i < n; i += 32) defect += measures[i] - measures[i];
  defect = reduce_sum<32>(defect);
  if (threadIdx.x != 0) return;
  const double factor = max_norm / sqrt(measures[0]);
  const bool is_sound = defect == 0 && *scale >= 0;
  *scale = is_sound ? static_cast<float>(factor < 1 ? factor : 1) : -1.0f;
}

}  // namespace

template <class T>
void launch_squared_norms(Tensor x, std::span<const Range> parts, Tensor sums,
                          cudaStream_t stream) {
  launch(squared_norms_kernel<T>, {dim3(static_cast<unsigned>(parts.size())), dim3(kNormThreads)},
         stream, data_of<T>(x), parts.data(), data_of<double>(sums));
}

void launch_row_sums(Tensor x, Tensor sums, cudaStream_t stream) {
  launch(row_sums_kernel, {dim3(static_cast<unsigned>(x.rows)), dim3(kRowThreads)}, stream, x.cols,
         x.f32(), data_of<double>(sums));
}

void launch_dot(Tensor a, Tensor b, Tensor result, cudaStream_t stream) {
  launch(dot_kernel, {dim3(1), dim3(kRowThreads)}, stream, a.size(), data_of<double>(a),
         data_of<double>(b), data_of<double>(result));
}

void launch_clip_scale(Tensor measures, double max_norm, Tensor scale, cudaStream_t stream) {
  launch(clip_scale_kernel, {dim3(1), dim3(32)}, stream, measures.size(), data_of<double>(measures),
         max_norm, scale.f32());
}

template void launch_squared_norms<float>(Tensor, std::span<const Range>, Tensor, cudaStream_t);
template void launch_squared_norms<__nv_bfloat16>(Tensor, std::span<const Range>, Tensor,
                                                  cudaStream_t);

}  // namespace isoflop
