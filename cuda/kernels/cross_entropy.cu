// SPDX-License-Identifier: Apache-2.0
#include "kernels/cross_entropy.h"
#include "kernels/launch_shape.cuh"
#include "kernels/log2e.h"
#include "kernels/reduce.cuh"

namespace isoflop {
namespace {

// Of a block: what sm_86 and sm_89 have, and two blocks at a time on sm_90.
constexpr std::int64_t kMaxSharedBytes = 96 * 1024;

__device__ __forceinline__ float exp_of(float x) { return exp2f(x * kLog2E); }

/// The online softmax (arXiv:1805.02867) of a row: row_sum = sum of exp(x - row_max), that grows by
/// packs, from left to right. NaN where an x is not finite: one of -infinity leaves no other trace.
struct OnlineSoftmax {
  float row_max = -__builtin_inff(), row_sum = 0;

  template <class T, int kWidth>
  __device__ __forceinline__ void add(const Pack<T, kWidth>& pack) {
    float new_max = row_max;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) new_max = fmaxf(new_max, upcast(pack.values[i]));
    row_sum *= exp_of(row_max - new_max);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      const float x = upcast(pack.values[i]);
      row_sum = fmaf(x, 0.0f, row_sum + exp_of(x - new_max));
    }
    row_max = new_max;
  }

  /// Those of all threads of the team together.
  template <int kThreads>
  __device__ __forceinline__ void merge() {
    const float team_max = reduce_max<kThreads>(row_max);
    // Threads without elements have a row_max of -infinity, like the team where none has any.
    row_sum =
        reduce_sum<kThreads>(row_max == team_max ? row_sum : row_sum * exp_of(row_max - team_max));
    row_max = team_max;
  }
};

/// x becomes exp(x - row_max) * factor, less scale at the target, which is element `target` of the
/// pack or none.
template <class T, int kWidth>
__device__ __forceinline__ void to_gradient(Pack<T, kWidth>& pack, float row_max, float factor,
                                            std::int64_t target, float scale) {
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const float x = upcast(pack.values[i]);
    // Infinite logits become NaN.
    const float probability = fmaf(x, 0.0f, exp_of(x - row_max) * factor);
    pack.values[i] = round_to<T>(i == target ? probability - scale : probability);
  }
}

/// The team of a row: a warp, of 8 in a block, or a block of kThreads threads.
template <int kThreads>
struct RowTeam {
  static constexpr int kBlock = kThreads == 32 ? 256 : kThreads;
  static constexpr int kTeams = kBlock / kThreads;
  static constexpr int kMinBlocksPerSm = 1024 / kBlock;  // with 64 registers per thread
  static __device__ int team() { return static_cast<int>(threadIdx.x) / kThreads; }
  static __device__ int thread() { return static_cast<int>(threadIdx.x) % kThreads; }
  static __device__ std::int64_t row() { return std::int64_t{blockIdx.x} * kTeams + team(); }
  static LaunchShape shape(std::int64_t n_rows, std::int64_t shared_bytes = 0) {
    return {dim3(static_cast<unsigned>(ceil_div(n_rows, kTeams))), dim3(kBlock),
            static_cast<std::size_t>(kTeams * shared_bytes)};
  }
};

/// Elements of shared memory for the first n_cached of a row at any distance from an aligned
/// address.
template <class T>
__host__ __device__ constexpr std::int64_t cache_size(std::int64_t n_cached) {
  return (n_cached + kVectorSize<T> - 1) / kVectorSize<T> * kVectorSize<T> + kVectorSize<T>;
}

/// The first n_cached elements of a row stay in shared memory between the two passes over it.
template <class T, int kThreads>
__global__ void __launch_bounds__(RowTeam<kThreads>::kBlock, RowTeam<kThreads>::kMinBlocksPerSm)
    cross_entropy_kernel(std::int64_t n_rows, std::int64_t n_cols, T* logits,
                         const std::int32_t* targets, float scale, float* losses,
                         std::int64_t n_cached) {
  using Team = RowTeam<kThreads>;
  const std::int64_t r = Team::row();
  if (r >= n_rows) return;
  T* row = logits + r * n_cols;
  // Packs of the row are packs of `cached`.
  T* cached = dynamic_shared<T>() + Team::team() * cache_size<T>(n_cached) +
              (kVectorSize<T> - until_aligned(row)) % kVectorSize<T>;
  const std::int64_t target = targets[r];
  const float target_logit = upcast(row[target]);
  __syncwarp();  // in a team of one warp nothing else orders that read and the gradient's write
  OnlineSoftmax all;
  sweep_packs<kThreads>(row, n_cols, Team::thread(), [&](const auto& pack, std::int64_t i) {
    constexpr int kWidth = sizeof(pack) / sizeof(T);
    if (i + kWidth <= n_cached) store(cached + i, pack);
    all.add(pack);
  });
  all.template merge<kThreads>();
  if (Team::thread() == 0) losses[r] = logf(all.row_sum) + (all.row_max - target_logit);
  if (scale == 0.0f) return;
  const float factor = scale / all.row_sum;
  sweep<kThreads>(row, n_cols, Team::thread(), [&](auto width, std::int64_t i) {
    auto pack = i + width() <= n_cached ? load<width()>(cached + i) : load<width()>(row + i);
    to_gradient(pack, all.row_max, factor, target - i, scale);
    store(row + i, pack);
  });
}

template <class T, int kThreads>
__global__ void __launch_bounds__(RowTeam<kThreads>::kBlock, RowTeam<kThreads>::kMinBlocksPerSm)
    vocabulary_statistics_kernel(std::int64_t n_rows, std::int64_t n_cols, const T* logits,
                                 const std::int32_t* targets, std::int64_t first_token,
                                 float* statistics) {
  using Team = RowTeam<kThreads>;
  const std::int64_t r = Team::row();
  if (r >= n_rows) return;
  const T* row = logits + r * n_cols;
  OnlineSoftmax all;
  sweep_packs<kThreads>(row, n_cols, Team::thread(),
                        [&](const auto& pack, std::int64_t) { all.add(pack); });
  all.template merge<kThreads>();
  if (Team::thread() != 0) return;
  const std::int64_t target = targets[r] - first_token;
  statistics[3 * r] = all.row_max;
  statistics[3 * r + 1] = all.row_sum;
  statistics[3 * r + 2] = target >= 0 && target < n_cols ? upcast(row[target]) : 0.0f;
}

/// Softmax statistics of one row over all shards of the vocabulary, as Megatron-LM's vocabulary-
/// parallel cross-entropy combines them (arXiv:1909.08053).
struct Combined {
  float row_max = -__builtin_inff(), row_sum = 0, target_logit = 0;
};

/// `statistics` of n shards, `stride` floats apart. A shard without tokens has a sum of 0.
__device__ __forceinline__ Combined combine(std::int64_t n, std::int64_t stride,
                                            const float* statistics) {
  Combined all;
  for (std::int64_t i = 0; i < n; ++i)
    if (statistics[i * stride + 1] != 0.0f)
      all.row_max = fmaxf(all.row_max, statistics[i * stride]);
  for (std::int64_t i = 0; i < n; ++i) {
    const float* shard = statistics + i * stride;
    all.target_logit += shard[2];
    if (shard[1] == 0.0f) continue;
    const float defect = shard[0] - shard[0];  // 0, or NaN where the maximum is not finite
    all.row_sum += shard[1] * exp_of(shard[0] - all.row_max) + defect;
  }
  return all;
}

template <class T, int kThreads>
__global__ void __launch_bounds__(RowTeam<kThreads>::kBlock, RowTeam<kThreads>::kMinBlocksPerSm)
    vocabulary_cross_entropy_kernel(std::int64_t n_rows, std::int64_t n_cols, T* logits,
                                    const std::int32_t* targets, std::int64_t first_token,
                                    std::int64_t n_shards, const float* statistics, float scale,
                                    float* losses) {
  using Team = RowTeam<kThreads>;
  const std::int64_t r = Team::row();
  if (r >= n_rows) return;
  const Combined all = combine(n_shards, 3 * n_rows, statistics + 3 * r);
  if (Team::thread() == 0) losses[r] = logf(all.row_sum) + (all.row_max - all.target_logit);
  if (scale == 0.0f) return;
  T* row = logits + r * n_cols;
  const float factor = scale / all.row_sum;
  const std::int64_t target = targets[r] - first_token;
  sweep<kThreads>(row, n_cols, Team::thread(), [&](auto width, std::int64_t i) {
    auto pack = load<width()>(row + i);
    to_gradient(pack, all.row_max, factor, target - i, scale);
    store(row + i, pack);
  });
}

/// visit(Width<kThreads>{}): up to four packs for each thread of a team, but in the longest rows.
template <class T, class Visit>
void visit_threads(std::int64_t n_cols, Visit visit) {
  const std::int64_t n_packs = n_cols / kVectorSize<T>;
  if (n_packs <= 128)
    visit(Width<32>{});
  else if (n_packs <= 1024)
    visit(Width<256>{});
  else
    visit(Width<512>{});
}

}  // namespace

template <class T>
void launch_cross_entropy(Tensor logits, Tensor targets, float scale, Tensor losses,
                          cudaStream_t stream) {
  constexpr std::int64_t kSize = sizeof(T),
                         kMaxCached = kMaxSharedBytes / kSize - 2 * kVectorSize<T>;
  const std::int64_t n_cached = scale == 0.0f ? 0 : std::min(logits.cols, kMaxCached);
  visit_threads<T>(logits.cols, [&](auto threads) {
    launch(cross_entropy_kernel<T, threads()>,
           RowTeam<threads()>::shape(logits.rows, cache_size<T>(n_cached) * kSize), stream,
           logits.rows, logits.cols, data_of<T>(logits), data_of<std::int32_t>(targets), scale,
           losses.f32(), n_cached);
  });
}

template <class T>
void launch_vocabulary_statistics(Tensor logits, Tensor targets, std::int64_t first_token,
                                  Tensor statistics, cudaStream_t stream) {
  visit_threads<T>(logits.cols, [&](auto threads) {
    launch(vocabulary_statistics_kernel<T, threads()>, RowTeam<threads()>::shape(logits.rows),
           stream, logits.rows, logits.cols, data_of<T>(logits), data_of<std::int32_t>(targets),
           first_token, statistics.f32());
  });
}

template <class T>
void launch_vocabulary_cross_entropy(Tensor logits, Tensor targets, std::int64_t first_token,
                                     Tensor statistics, float scale, Tensor losses,
                                     cudaStream_t stream) {
  if (logits.rows == 0) return;
  visit_threads<T>(logits.cols, [&](auto threads) {
    launch(vocabulary_cross_entropy_kernel<T, threads()>, RowTeam<threads()>::shape(logits.rows),
           stream, logits.rows, logits.cols, data_of<T>(logits), data_of<std::int32_t>(targets),
           first_token, statistics.rows / logits.rows, statistics.f32(), scale, losses.f32());
  });
}

template void launch_cross_entropy<float>(Tensor, Tensor, float, Tensor, cudaStream_t);
template void launch_cross_entropy<__nv_bfloat16>(Tensor, Tensor, float, Tensor, cudaStream_t);
template void launch_vocabulary_statistics<float>(Tensor, Tensor, std::int64_t, Tensor,
                                                  cudaStream_t);
template void launch_vocabulary_statistics<__nv_bfloat16>(Tensor, Tensor, std::int64_t, Tensor,
                                                          cudaStream_t);
template void launch_vocabulary_cross_entropy<float>(Tensor, Tensor, std::int64_t, Tensor, float,
                                                     Tensor, cudaStream_t);
template void launch_vocabulary_cross_entropy<__nv_bfloat16>(Tensor, Tensor, std::int64_t, Tensor,
                                                             float, Tensor, cudaStream_t);

}  // namespace isoflop
