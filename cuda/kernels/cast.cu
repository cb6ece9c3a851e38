// SPDX-License-Identifier: Apache-2.0
#include "kernels/cast.h"
#include "kernels/launch_shape.cuh"

namespace isoflop {
namespace {

template <class From, class To, int kWidth>
__global__ void __launch_bounds__(kTileThreads) cast_kernel(std::int64_t n, const From* x, To* y) {
  Pack<From, kWidth> from[kTilePacks];
  Pack<To, kWidth> to[kTilePacks];
  load_tile(x, n, from);
#pragma unroll
  for (int p = 0; p < kTilePacks; ++p)
#pragma unroll
    for (int i = 0; i < kWidth; ++i) to[p].values[i] = round_to<To>(upcast(from[p].values[i]));
  store_tile(to, n, y);
}

/// Packs are 16 bytes of the narrower type.
template <class From, class To>
void launch_cast_between(Tensor x, Tensor y, cudaStream_t stream) {
  using Narrower = std::conditional_t<sizeof(From) < sizeof(To), From, To>;
  visit_width<Narrower>(are_aligned(x.data, y.data), [&](auto width) {
    launch(cast_kernel<From, To, width()>, tiles(x.size(), width()), stream, x.size(),
           data_of<From>(x), data_of<To>(y));
  });
}

}  // namespace

void launch_cast(Tensor x, Tensor y, cudaStream_t stream) {
  if (x.dtype == y.dtype) {
    if (x.size() > 0)
      ISOFLOP_CUDA(cudaMemcpyAsync(y.data, x.data,
                                   static_cast<std::size_t>(x.size() * size_of(x.dtype)),
                                   cudaMemcpyDefault, stream));
  } else if (y.dtype == DType::bf16) {
    launch_cast_between<float, __nv_bfloat16>(x, y, stream);
  } else {
    launch_cast_between<__nv_bfloat16, float>(x, y, stream);
  }
}

}  // namespace isoflop
