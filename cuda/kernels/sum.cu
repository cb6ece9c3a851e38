// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "isoflop/error.h"
#include "kernels/launch_shape.cuh"
#include "kernels/sum.h"

namespace isoflop {
namespace {

constexpr int kMaxTerms = 256;  // their addresses fit in what a launch carries, 4 KiB

struct Terms {
  int count;
  const void* data[kMaxTerms];
};

__device__ __forceinline__ double upcast(double x) { return x; }
using isoflop::upcast;

template <class T>
using SumOf = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
__device__ __forceinline__ T rounded(SumOf<T> x) {
  if constexpr (std::is_same_v<T, double>)
    return x;
  else
    return round_to<T>(x);
}

template <class T, int kWidth>
__global__ void __launch_bounds__(kTileThreads) sum_kernel(std::int64_t n, Terms terms, T* y) {
  Pack<T, kWidth> tile[kTilePacks];
  SumOf<T> sums[kTilePacks][kWidth] = {};
  for (int k = 0; k < terms.count; ++k) {
    load_tile(static_cast<const T*>(terms.data[k]), n, tile);
#pragma unroll
    for (int p = 0; p < kTilePacks; ++p)
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        const SumOf<T> term = upcast(tile[p].values[i]);
        sums[p][i] = k == 0 ? term : sums[p][i] + term;  // 0 + -0 would be 0
      }
  }
#pragma unroll
  for (int p = 0; p < kTilePacks; ++p)
#pragma unroll
    for (int i = 0; i < kWidth; ++i) tile[p].values[i] = rounded<T>(sums[p][i]);
  store_tile(tile, n, y);
}

}  // namespace

template <class T>
void launch_sum(std::span<const Tensor> x, Tensor y, cudaStream_t stream) {
  if (x.size() > kMaxTerms)
    throw Error(ErrorCode::invalid_argument, "sum: at most " + std::to_string(kMaxTerms) +
                                                 " tensors, got " + std::to_string(x.size()));
  Terms terms{static_cast<int>(x.size()), {}};
  bool wide = are_aligned(y.data);
  for (std::size_t k = 0; k < x.size(); ++k) {
    terms.data[k] = x[k].data;
    wide = wide && are_aligned(x[k].data);
  }
  visit_width<T>(wide, [&](auto width) {
    launch(sum_kernel<T, width()>, tiles(y.size(), width()), stream, y.size(), terms,
           data_of<T>(y));
  });
}

template void launch_sum<float>(std::span<const Tensor>, Tensor, cudaStream_t);
template void launch_sum<__nv_bfloat16>(std::span<const Tensor>, Tensor, cudaStream_t);
template void launch_sum<double>(std::span<const Tensor>, Tensor, cudaStream_t);

}  // namespace isoflop
