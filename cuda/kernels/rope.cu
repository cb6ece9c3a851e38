// SPDX-License-Identifier: Apache-2.0
#include "kernels/launch_shape.cuh"
#include "kernels/rope.h"

namespace isoflop {
namespace {

struct RopeShape {
  std::int64_t n_rows, row_stride;
  int n_heads, half;  // heads that rotate; S / 2
  unsigned seq_len;
};

/// One pack of pairs per thread. A row's threads are neighbours: its angles come from the cache.
template <class T, int kWidth>
__global__ void __launch_bounds__(256)
    rope_kernel(RopeShape shape, const float* cosines, const float* sines, float sign, T* qkv) {
  const auto [row, unit] = unit_of_thread();
  const int packs_of_head = shape.half / kWidth;
  if (row >= shape.n_rows || unit >= shape.n_heads * packs_of_head) return;
  const int head = unit / packs_of_head, i = unit % packs_of_head * kWidth;
  T* low = qkv + row * shape.row_stride + head * 2 * shape.half + i;
  auto a = load<kWidth>(low), b = load<kWidth>(low + shape.half);
  const auto position = static_cast<std::int64_t>(static_cast<unsigned>(row) % shape.seq_len);
  const auto c = load<kWidth>(cosines + position * shape.half + i);
  const auto s = load<kWidth>(sines + position * shape.half + i);
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    const float x = upcast(a.values[j]), y = upcast(b.values[j]), sine = s.values[j] * sign;
    a.values[j] = round_to<T>(x * c.values[j] - y * sine);
    b.values[j] = round_to<T>(y * c.values[j] + x * sine);
  }
  store(low, a);
  store(low + shape.half, b);
}

}  // namespace

template <class T>
void launch_rope(Tensor qkv, const AttentionDims& dims, const float* cosines, const float* sines,
                 bool inverse, cudaStream_t stream) {
  const std::int64_t half = dims.d_head / 2, n_heads = dims.n_heads + dims.n_kv_heads;
  const RopeShape shape{qkv.rows, qkv.cols, static_cast<int>(n_heads), static_cast<int>(half),
                        static_cast<unsigned>(dims.seq_len)};
  visit_width<T>(rows_are_vectorizable<T>(half, qkv.data, cosines, sines), [&](auto width) {
    launch(rope_kernel<T, width()>, thread_per_unit(qkv.rows, n_heads * half / width()), stream,
           shape, cosines, sines, inverse ? -1.0f : 1.0f, data_of<T>(qkv));
  });
}

template void launch_rope<float>(Tensor, const AttentionDims&, const float*, const float*, bool,
                                 cudaStream_t);
template void launch_rope<__nv_bfloat16>(Tensor, const AttentionDims&, const float*, const float*,
                                         bool, cudaStream_t);

}  // namespace isoflop
