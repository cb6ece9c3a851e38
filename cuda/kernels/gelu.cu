// SPDX-License-Identifier: Apache-2.0
#include "kernels/gelu.h"
#include "kernels/launch_shape.cuh"
#include "kernels/sigmoid.cuh"

namespace isoflop {
namespace {

// x / 2 (1 + tanh u) = x sigmoid(2u).
constexpr float kScale = 1.5957691216057308f;  // 2 sqrt(2/pi)
constexpr float kCubic = 0.044715f;

__device__ __forceinline__ float gate(float x) {
  return sigmoid(kScale * x * (1.0f + kCubic * (x * x)));
}
__device__ __forceinline__ float gelu(float x) { return x * gate(x); }
__device__ __forceinline__ float gelu_slope(float x) {
  const float s = gate(x);
  return s + x * s * (1.0f - s) * (kScale * (1.0f + 3.0f * kCubic * (x * x)));
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kTileThreads)
    gelu_forward_kernel(std::int64_t n, const T* x, T* act) {
  Pack<T, kWidth> tile[kTilePacks];
  load_tile(x, n, tile);
#pragma unroll
  for (int p = 0; p < kTilePacks; ++p)
#pragma unroll
    for (int i = 0; i < kWidth; ++i)
      tile[p].values[i] = round_to<T>(gelu(upcast(tile[p].values[i])));
  store_tile(tile, n, act);
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kTileThreads)
    gelu_backward_kernel(std::int64_t n, const T* dact, T* x) {
  Pack<T, kWidth> gradient[kTilePacks], tile[kTilePacks];
  load_tile(dact, n, gradient);
  load_tile(x, n, tile);
#pragma unroll
  for (int p = 0; p < kTilePacks; ++p)
#pragma unroll
    for (int i = 0; i < kWidth; ++i)
      tile[p].values[i] =
          round_to<T>(upcast(gradient[p].values[i]) * gelu_slope(upcast(tile[p].values[i])));
  store_tile(tile, n, x);
}

}  // namespace

template <class T>
void launch_gelu_forward(Tensor x, Tensor act, cudaStream_t stream) {
  visit_width<T>(are_aligned(x.data, act.data), [&](auto width) {
    launch(gelu_forward_kernel<T, width()>, tiles(x.size(), width()), stream, x.size(),
           data_of<T>(x), data_of<T>(act));
  });
}

template <class T>
void launch_gelu_backward(Tensor dact, Tensor x, cudaStream_t stream) {
  visit_width<T>(are_aligned(dact.data, x.data), [&](auto width) {
    launch(gelu_backward_kernel<T, width()>, tiles(x.size(), width()), stream, x.size(),
           data_of<T>(dact), data_of<T>(x));
  });
}

template void launch_gelu_forward<float>(Tensor, Tensor, cudaStream_t);
template void launch_gelu_forward<__nv_bfloat16>(Tensor, Tensor, cudaStream_t);
template void launch_gelu_backward<float>(Tensor, Tensor, cudaStream_t);
template void launch_gelu_backward<__nv_bfloat16>(Tensor, Tensor, cudaStream_t);

}  // namespace isoflop
