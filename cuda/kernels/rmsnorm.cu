// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "isoflop/error.h"
#include "kernels/launch_shape.cuh"
#include "kernels/reduce.cuh"
#include "kernels/rmsnorm.h"

namespace isoflop {
namespace {

/// How a row is held in registers: by a team of kThreads threads, a warp or a block, each with
/// kPacks packs of kWidth elements, kThreads packs apart.
template <class Element, int kWidthOfPack, int kTeamThreads, int kPacksOfThread>
struct Layout {
  using T = Element;
  static constexpr int kWidth = kWidthOfPack, kThreads = kTeamThreads, kPacks = kPacksOfThread;
  static constexpr int kBlock = kThreads == 32 ? 128 : kThreads;
  static constexpr int kTeams = kBlock / kThreads;
  /// For which the registers of an SM are enough in the backward pass.
  static constexpr int kMinBlocksPerSm = kBlock == 512           ? 1
                                         : kWidth * kPacks <= 8  ? 8
                                         : kWidth * kPacks <= 16 ? 4
                                                                 : 3;
  using Row = Pack<T, kWidth>[kPacks];

  static __device__ int team() { return static_cast<int>(threadIdx.x) / kThreads; }
  static __device__ int col(int pack) {
    return (static_cast<int>(threadIdx.x) % kThreads + pack * kThreads) * kWidth;
  }
  /// Zeros behind the row's end.
  static __device__ void load_row(const T* x, int n_cols, Row& row) {
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      row[p] = {};
      if (col(p) < n_cols) row[p] = load<kWidth>(x + col(p));
    }
  }
  static __device__ void store_row(const Row& row, int n_cols, T* x) {
#pragma unroll
    for (int p = 0; p < kPacks; ++p)
      if (col(p) < n_cols) store(x + col(p), row[p]);
  }
};

/// use(p, i) for every element of a thread's packs.
template <class L, class Use>
__device__ __forceinline__ void for_each_element(Use use) {
#pragma unroll
  for (int p = 0; p < L::kPacks; ++p)
#pragma unroll
    for (int i = 0; i < L::kWidth; ++i) use(p, i);
}

template <class L, class T = typename L::T>
__global__ void __launch_bounds__(L::kBlock)
    rmsnorm_forward_kernel(std::int64_t n_rows, int n_cols, T* residual, const T* delta,
                           const T* gain, float epsilon, T* y, float* inverse_rms) {
  const std::int64_t r = std::int64_t{blockIdx.x} * L::kTeams + L::team();
  if (r >= n_rows) return;
  typename L::Row x, other;
  L::load_row(residual + r * n_cols, n_cols, x);
  if (delta != nullptr) {
    L::load_row(delta + r * n_cols, n_cols, other);
    for_each_element<L>([&](int p, int i) {
      x[p].values[i] = round_to<T>(upcast(x[p].values[i]) + upcast(other[p].values[i]));
    });
    L::store_row(x, n_cols, residual + r * n_cols);
  }
  float squares = 0;
  for_each_element<L>([&](int p, int i) {
    const float value = upcast(x[p].values[i]);
    squares += value * value;
  });
  const float mean = reduce_sum<L::kThreads>(squares) / static_cast<float>(n_cols) + epsilon;
  // NaN where the mean is infinite, or the norm of squares that overflow would be zeros.
  const float inverse = 1.0f / sqrtf(mean) + (mean - mean);
  if (threadIdx.x % L::kThreads == 0) inverse_rms[r] = inverse;
  L::load_row(gain, n_cols, other);
  for_each_element<L>([&](int p, int i) {
    x[p].values[i] = round_to<T>(upcast(x[p].values[i]) * inverse * upcast(other[p].values[i]));
  });
  L::store_row(x, n_cols, y + r * n_cols);
}

/// Reduces over a block's teams, in their order, to `sums` [n_cols].
template <class L>
__device__ __forceinline__ void reduce_teams(const float (&own)[L::kPacks][L::kWidth], int n_cols,
                                             float* sums) {
  float* shared = L::kTeams == 1 ? sums : dynamic_shared<float>();
  for (int team = 0; team < L::kTeams; ++team) {
    if (team == L::team())
      for_each_element<L>([&](int p, int i) {
        const int c = L::col(p) + i;
        if (c < n_cols) shared[c] = (team == 0 ? 0.0f : shared[c]) + own[p][i];
      });
    __syncthreads();
  }
  if constexpr (L::kTeams > 1)
    for (int c = static_cast<int>(threadIdx.x); c < n_cols; c += L::kBlock) sums[c] = shared[c];
}

/// partials [gridDim.x, stride]: the block's partial sum of dgain.
template <class L, class T = typename L::T>
__global__ void __launch_bounds__(L::kBlock, L::kMinBlocksPerSm)
    rmsnorm_backward_kernel(std::int64_t n_rows, int n_cols, const T* dy, const T* residual,
                            const T* gain, const float* inverse_rms, T* dresidual, float* partials,
                            std::int64_t stride) {
  float dgain[L::kPacks][L::kWidth] = {};
  const std::int64_t n_teams = std::int64_t{gridDim.x} * L::kTeams;
  for (std::int64_t r = std::int64_t{blockIdx.x} * L::kTeams + L::team(); r < n_rows;
       r += n_teams) {
    typename L::Row g, x, dx, weight;
    L::load_row(dy + r * n_cols, n_cols, g);
    L::load_row(residual + r * n_cols, n_cols, x);
    L::load_row(dresidual + r * n_cols, n_cols, dx);
    L::load_row(gain, n_cols, weight);
    const float inverse = inverse_rms[r];
    float dot = 0;
    for_each_element<L>([&](int p, int i) {
      const float product = upcast(g[p].values[i]) * upcast(x[p].values[i]);
      dgain[p][i] += product * inverse;
      dot += product * upcast(weight[p].values[i]);
    });
    dot = reduce_sum<L::kThreads>(dot);
    const float shift = dot * inverse * inverse / static_cast<float>(n_cols);
    for_each_element<L>([&](int p, int i) {
      const float slope =
          upcast(g[p].values[i]) * upcast(weight[p].values[i]) - shift * upcast(x[p].values[i]);
      dx[p].values[i] = round_to<T>(upcast(dx[p].values[i]) + inverse * slope);
    });
    L::store_row(dx, n_cols, dresidual + r * n_cols);
  }
  reduce_teams<L>(dgain, n_cols, partials + blockIdx.x * stride);
}

constexpr int kSumWarps = 8;

/// dgain += the sum of the partials.
__global__ void __launch_bounds__(32 * kSumWarps)
    rmsnorm_dgain_kernel(int n_cols, std::int64_t n_partials, const float* partials,
                         std::int64_t stride, float* dgain) {
  const int col = static_cast<int>(blockIdx.x * 32 + threadIdx.x % 32) * 4;
  const auto sum = column_sums<kSumWarps>(partials + col, col < n_cols ? n_partials : 0, stride);
  if (threadIdx.x >= 32) return;
  for (int i = 0; i < 4; ++i)
    if (col + i < n_cols) dgain[col + i] += sum.values[i];
}

/// visit(Layout) with one that holds n_cols columns.
template <class T, class Visit>
void visit_layout(bool wide, std::int64_t n_cols, Visit visit) {
  constexpr int kWidth = kVectorSize<T>;
  const std::int64_t n_packs = n_cols / kWidth, max_cols = wide ? 8192 : 4096;
  if (n_cols > max_cols)
    throw Error(ErrorCode::invalid_argument, "rmsnorm: at most " + std::to_string(max_cols) +
                                                 " columns, got " + std::to_string(n_cols));
  if (!wide && n_cols <= 128)
    visit(Layout<T, 1, 32, 4>{});
  else if (!wide)
    visit(Layout<T, 1, 512, 8>{});
  else if (n_packs <= 32)
    visit(Layout<T, kWidth, 32, 1>{});
  else if (n_packs <= 64)
    visit(Layout<T, kWidth, 32, 2>{});
  else if (n_packs <= 96)
    visit(Layout<T, kWidth, 32, 3>{});
  else if (n_packs <= 128)
    visit(Layout<T, kWidth, 128, 1>{});
  else if (n_packs <= 256)
    visit(Layout<T, kWidth, 128, 2>{});
  else
    visit(Layout<T, kWidth, 512, 16 / kWidth>{});
}

/// Blocks of the backward pass: as many as run at a time on a device of 128 SMs, and a function of
/// the shape alone, because the order of sums depends on it.
template <class L>
std::int64_t n_backward_blocks(std::int64_t n_rows) {
  return std::min<std::int64_t>(ceil_div(n_rows, L::kTeams), 128 * L::kMinBlocksPerSm);
}

}  // namespace

std::int64_t rmsnorm_workspace_bytes(std::int64_t n_rows, std::int64_t n_cols) {
  constexpr std::int64_t kMaxBlocks = 128 * 8;
  return std::min(n_rows, kMaxBlocks) * round_up(n_cols, 4) * 4;
}

template <class T>
void launch_rmsnorm_forward(Tensor residual, Tensor delta, Tensor gain, float epsilon, Tensor y,
                            Tensor inverse_rms, cudaStream_t stream) {
  const bool wide =
      rows_are_vectorizable<T>(residual.cols, residual.data, delta.data, gain.data, y.data);
  visit_layout<T>(wide, residual.cols, [&](auto layout) {
    using L = decltype(layout);
    const LaunchShape shape{dim3(static_cast<unsigned>(ceil_div(residual.rows, L::kTeams))),
                            dim3(L::kBlock)};
    launch(rmsnorm_forward_kernel<L>, shape, stream, residual.rows, static_cast<int>(residual.cols),
           data_of<T>(residual), data_of<T>(delta), data_of<T>(gain), epsilon, data_of<T>(y),
           inverse_rms.f32());
  });
}

template <class T>
void launch_rmsnorm_backward(Tensor dy, Tensor residual, Tensor gain, Tensor inverse_rms,
                             Tensor dresidual, Tensor dgain, void* workspace, cudaStream_t stream) {
  if (residual.rows == 0) return;
  const auto n_cols = static_cast<int>(residual.cols);
  const std::int64_t stride = round_up(n_cols, 4);
  auto* partials = static_cast<float*>(workspace);
  std::int64_t n_blocks = 0;
  const bool wide =
      rows_are_vectorizable<T>(n_cols, dy.data, residual.data, gain.data, dresidual.data);
  visit_layout<T>(wide, n_cols, [&](auto layout) {
    using L = decltype(layout);
    n_blocks = n_backward_blocks<L>(residual.rows);
    const LaunchShape shape{dim3(static_cast<unsigned>(n_blocks)), dim3(L::kBlock),
                            L::kTeams == 1 ? 0 : static_cast<std::size_t>(n_cols) * 4};
    launch(rmsnorm_backward_kernel<L>, shape, stream, residual.rows, n_cols, data_of<T>(dy),
           data_of<T>(residual), data_of<T>(gain), inverse_rms.f32(), data_of<T>(dresidual),
           partials, stride);
  });
  const LaunchShape shape{dim3(static_cast<unsigned>(ceil_div(stride, 128))), dim3(32 * kSumWarps)};
  launch(rmsnorm_dgain_kernel, shape, stream, n_cols, n_blocks, partials, stride, dgain.f32());
}

template void launch_rmsnorm_forward<float>(Tensor, Tensor, Tensor, float, Tensor, Tensor,
                                            cudaStream_t);
template void launch_rmsnorm_forward<__nv_bfloat16>(Tensor, Tensor, Tensor, float, Tensor, Tensor,
                                                    cudaStream_t);
template void launch_rmsnorm_backward<float>(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, void*,
                                             cudaStream_t);
template void launch_rmsnorm_backward<__nv_bfloat16>(Tensor, Tensor, Tensor, Tensor, Tensor, Tensor,
                                                     void*, cudaStream_t);

}  // namespace isoflop
