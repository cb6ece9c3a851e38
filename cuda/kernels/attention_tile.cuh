// SPDX-License-Identifier: Apache-2.0
// Tiles of bf16 in shared memory, and the products of tensor cores on them.
#pragma once

#include <cstdint>
#include <cstring>

#include "device/device.cuh"
#include "device/tensor_core.cuh"
#include "kernels/attention_shape.h"

namespace isoflop::attention {

using bf16 = __nv_bfloat16;

inline constexpr int kWarps = 4, kThreads = 32 * kWarps;
inline constexpr float kLog2E = 1.4426950408889634f;

/// A problem of one head in one sequence, by block number: tiles first, so that the blocks that run
/// at a time share keys and values in the L2 cache.
struct BlockPlace {
  int tile, head, seq;

  __device__ BlockPlace(int tiles, int heads)
      : tile(static_cast<int>(blockIdx.x) % tiles),
        head(static_cast<int>(blockIdx.x) / tiles % heads),
        seq(static_cast<int>(blockIdx.x) / tiles / heads) {}
};

/// Element (row, 8 chunk) of a tile of kCols columns. Chunks of 16 bytes change places within their
/// row, so that the eight rows of a matrix that a warp reads lie in different banks. Of row, only
/// its remainder by 8 decides: `row_in_8`, passed where it is known, saves registers.
template <int kCols>
__device__ __forceinline__ int at(int row, int chunk, int row_in_8) {
  return row * kCols + (chunk ^ (kCols % 64 == 0 ? row_in_8 : row_in_8 >> 1)) * 8;
}

/// Starts copying n_valid rows of n_cols elements; zeros around them up to [kRows, kCols].
template <int kRows, int kCols>
__device__ __forceinline__ void fetch_tile(bf16* tile, const bf16* rows, int stride, int n_valid,
                                           int n_cols) {
  constexpr int kChunks = kCols / 8;
  constexpr int kPass = kChunks <= 4 ? 32 : kChunks <= 8 ? 16 : 8;  // rows copied at a time
  static_assert(kRows % kPass == 0 && kPass * kChunks <= kThreads);
  const int thread = static_cast<int>(threadIdx.x);
  if (kPass * kChunks < kThreads && thread >= kPass * kChunks) return;
  const int row = thread / kChunks, chunk = thread % kChunks;
  const bf16* from = rows + static_cast<std::int64_t>(row) * stride + chunk * 8;
  bf16* const to = tile + at<kCols>(row, chunk, row % 8);
#pragma unroll
  for (int pass = 0; pass < kRows; pass += kPass) {
    const bool valid = row + pass < n_valid && chunk * 8 < n_cols;
    copy_async(to + pass * kCols, valid ? from : rows, valid);
    from += static_cast<std::int64_t>(kPass) * stride;
  }
}

/// Writes 16 rows of a tile that this warp filled.
template <int kCols>
__device__ __forceinline__ void store_rows(const bf16* tile, int first_row, bf16* rows, int stride,
                                           int n_valid, int n_cols) {
  constexpr int kChunks = kCols / 8;
#pragma unroll
  for (int i = 0; i < 16 * kChunks / 32; ++i) {
    const int index = static_cast<int>(threadIdx.x % 32) + i * 32;
    const int row = first_row + index / kChunks, chunk = index % kChunks;
    if (row < n_valid && chunk * 8 < n_cols)
      *reinterpret_cast<uint4*>(rows + static_cast<std::int64_t>(row) * stride + chunk * 8) =
          *reinterpret_cast<const uint4*>(tile + at<kCols>(row, chunk, row % 8));
  }
}

__device__ __forceinline__ std::uint32_t packed(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  std::uint32_t bits;
  std::memcpy(&bits, &pair, sizeof bits);
  return bits;
}

/// Rows [16, kTiles 8] of f32 sums in fragments of mma_m16n8k16, times a factor per row g and g +
/// 8, rounded into a tile.
template <int kCols, int kTiles>
__device__ __forceinline__ void round_into_tile(bf16* tile, int first_row,
                                                const float (&sums)[kTiles][4], float factor,
                                                float factor_below) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int row = first_row + lane / 4, pair = 2 * (lane % 4);
#pragma unroll
  for (int n = 0; n < kTiles; ++n) {
    *reinterpret_cast<std::uint32_t*>(tile + at<kCols>(row, n, lane / 4) + pair) =
        packed(sums[n][0] * factor, sums[n][1] * factor);
    *reinterpret_cast<std::uint32_t*>(tile + at<kCols>(row + 8, n, lane / 4) + pair) =
        packed(sums[n][2] * factor_below, sums[n][3] * factor_below);
  }
}

/// Rows first_row ... + 15, columns 16 k ... + 15 of a tile as the left factor.
template <int kCols>
__device__ __forceinline__ void load_left(std::uint32_t (&a)[4], const bf16* tile, int first_row,
                                          int k) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  load_matrices(a, tile + at<kCols>(first_row + lane % 16, 2 * k + lane / 16, lane % 8));
}

/// The left factor of kColumnTiles 16: f32 sums rounded to bf16, as mma_m16n8k16 left them.
template <int kTiles>
__device__ __forceinline__ void round_to_left(std::uint32_t (&a)[4], const float (&sums)[kTiles][4],
                                              int k) {
  a[0] = packed(sums[2 * k][0], sums[2 * k][1]);
  a[1] = packed(sums[2 * k][2], sums[2 * k][3]);
  a[2] = packed(sums[2 * k + 1][0], sums[2 * k + 1][1]);
  a[3] = packed(sums[2 * k + 1][2], sums[2 * k + 1][3]);
}

/// sums [kBands 16, 8 kTiles] += left [kBands 16, 16] tile^T, of rows 0 ... 8 kTiles - 1 and
/// columns 16 k ... + 15 of the tile.
template <int kCols, int kBands, int kTiles>
__device__ __forceinline__ void add_times_transposed(float (&sums)[kBands][kTiles][4],
                                                     const std::uint32_t (&left)[kBands][4],
                                                     const bf16* tile, int k) {
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int n = 0; n < kTiles; n += 2) {
    std::uint32_t r[4];
    load_matrices(
        r, tile + at<kCols>(8 * n + lane % 8 + lane / 16 * 8, 2 * k + lane / 8 % 2, lane % 8));
#pragma unroll
    for (int band = 0; band < kBands; ++band) {
      mma_m16n8k16(sums[band][n], left[band], {r[0], r[1]});
      mma_m16n8k16(sums[band][n + 1], left[band], {r[2], r[3]});
    }
  }
}

/// sums [kBands 16, kCols] += left [kBands 16, 16] tile, of rows 16 k ... + 15 of the tile.
template <int kCols, int kBands>
__device__ __forceinline__ void add_times(float (&sums)[kBands][kCols / 8][4],
                                          const std::uint32_t (&left)[kBands][4], const bf16* tile,
                                          int k) {
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int n = 0; n < kCols / 8; n += 2) {
    std::uint32_t r[4];
    load_matrices_transposed(r, tile + at<kCols>(16 * k + lane % 16, n + lane / 16, lane % 8));
#pragma unroll
    for (int band = 0; band < kBands; ++band) {
      mma_m16n8k16(sums[band][n], left[band], {r[0], r[1]});
      mma_m16n8k16(sums[band][n + 1], left[band], {r[2], r[3]});
    }
  }
}

/// Of the four lanes that share a row.
__device__ __forceinline__ float largest_of_row(float x) {
  x = fmaxf(x, __shfl_xor_sync(kWholeWarp, x, 1));
  return fmaxf(x, __shfl_xor_sync(kWholeWarp, x, 2));
}
__device__ __forceinline__ float sum_of_row(float x) {
  x += __shfl_xor_sync(kWholeWarp, x, 1);
  return x + __shfl_xor_sync(kWholeWarp, x, 2);
}

}  // namespace isoflop::attention
