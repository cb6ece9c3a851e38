// SPDX-License-Identifier: Apache-2.0
// What the kernels of attention_forward.cu and attention_backward.cu share: bf16 tiles in swizzled
// shared memory, filled by cp.async, and warp-level products on them by mma.m16n8k16 with operands
// from ldmatrix. Names are those of FlashAttention-2 (arXiv:2307.08691): a tile has kBlockM queries
// or kBlockN keys of kHeadDim columns; of an accumulator a warp holds kMmaM tiles of 16 rows times
// kMmaN tiles of 8 columns, acc[kMmaM][kMmaN][4], in the layout of the instruction's d.
#pragma once

#include <cstdint>
#include <cstring>

#include "device/device.cuh"
#include "device/tensor_core.cuh"
#include "kernels/attention_shape.h"
#include "kernels/log2e.h"

namespace isoflop::attention {

using bf16 = __nv_bfloat16;

inline constexpr int kWarps = 4, kThreads = 32 * kWarps;

/// Which tile of which head and sequence a block works on, from a flat grid: tiles first, so that
/// the blocks that run at a time share keys and values in the L2 cache.
struct BlockCoord {
  int tile, head, seq;

  __device__ BlockCoord(int n_tiles, int n_heads)
      : tile(static_cast<int>(blockIdx.x) % n_tiles),
        head(static_cast<int>(blockIdx.x) / n_tiles % n_heads),
        seq(static_cast<int>(blockIdx.x) / n_tiles / n_heads) {}
};

/// Element (row, 8 chunk) of a tile of kHeadDim columns in shared memory. XOR swizzle: 16-byte
/// chunks are permuted within their row, so that the eight rows of an ldmatrix matrix lie in
/// different banks. Of row, only its remainder by 8 decides: `row_in_8`, passed where it is known,
/// saves registers.
template <int kHeadDim>
__device__ __forceinline__ int swizzled(int row, int chunk, int row_in_8) {
  return row * kHeadDim + (chunk ^ (kHeadDim % 64 == 0 ? row_in_8 : row_in_8 >> 1)) * 8;
}

/// Starts copying n_valid rows of n_cols elements to shared memory (cp.async); zeros around them up
/// to [kRows, kHeadDim].
template <int kRows, int kHeadDim>
__device__ __forceinline__ void load_tile_async(bf16* tile, const bf16* rows, int stride,
                                                int n_valid, int n_cols) {
  constexpr int kChunks = kHeadDim / 8;
  constexpr int kRowsPerPass = kChunks <= 4 ? 32 : kChunks <= 8 ? 16 : 8;
  static_assert(kRows % kRowsPerPass == 0 && kRowsPerPass * kChunks <= kThreads);
  const int thread = static_cast<int>(threadIdx.x);
  if (kRowsPerPass * kChunks < kThreads && thread >= kRowsPerPass * kChunks) return;
  const int row = thread / kChunks, chunk = thread % kChunks;
  const bf16* from = rows + static_cast<std::int64_t>(row) * stride + chunk * 8;
  bf16* const to = tile + swizzled<kHeadDim>(row, chunk, row % 8);
#pragma unroll
  for (int pass = 0; pass < kRows; pass += kRowsPerPass) {
    const bool valid = row + pass < n_valid && chunk * 8 < n_cols;
    copy_async(to + pass * kHeadDim, valid ? from : rows, valid);
    from += static_cast<std::int64_t>(kRowsPerPass) * stride;
  }
}

/// Writes 16 rows of a shared tile that this warp filled to global memory, 16 bytes at a time.
template <int kHeadDim>
__device__ __forceinline__ void store_tile_rows(const bf16* tile, int first_row, bf16* rows,
                                                int stride, int n_valid, int n_cols) {
  constexpr int kChunks = kHeadDim / 8;
#pragma unroll
  for (int i = 0; i < 16 * kChunks / 32; ++i) {
    const int index = static_cast<int>(threadIdx.x % 32) + i * 32;
    const int row = first_row + index / kChunks, chunk = index % kChunks;
    if (row < n_valid && chunk * 8 < n_cols)
      *reinterpret_cast<uint4*>(rows + static_cast<std::int64_t>(row) * stride + chunk * 8) =
          *reinterpret_cast<const uint4*>(tile + swizzled<kHeadDim>(row, chunk, row % 8));
  }
}

__device__ __forceinline__ std::uint32_t pack_bf16x2(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  std::uint32_t bits;
  std::memcpy(&bits, &pair, sizeof bits);
  return bits;
}

/// Accumulator fragments [16, 8 kMmaN], times a factor for row g and one for row g + 8, rounded to
/// bf16 into a shared tile.
template <int kHeadDim, int kMmaN>
__device__ __forceinline__ void store_accumulator(bf16* tile, int first_row,
                                                  const float (&acc)[kMmaN][4], float factor,
                                                  float factor_below) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int row = first_row + lane / 4, pair = 2 * (lane % 4);
#pragma unroll
  for (int n = 0; n < kMmaN; ++n) {
    *reinterpret_cast<std::uint32_t*>(tile + swizzled<kHeadDim>(row, n, lane / 4) + pair) =
        pack_bf16x2(acc[n][0] * factor, acc[n][1] * factor);
    *reinterpret_cast<std::uint32_t*>(tile + swizzled<kHeadDim>(row + 8, n, lane / 4) + pair) =
        pack_bf16x2(acc[n][2] * factor_below, acc[n][3] * factor_below);
  }
}

/// Rows first_row ... + 15, columns 16 k ... + 15 of a shared tile as the A operand.
template <int kHeadDim>
__device__ __forceinline__ void load_a(std::uint32_t (&a)[4], const bf16* tile, int first_row,
                                       int k) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  load_matrices(a, tile + swizzled<kHeadDim>(first_row + lane % 16, 2 * k + lane / 16, lane % 8));
}

/// Columns 16 k ... + 15 of an accumulator, rounded to bf16, as the A operand of the next product:
/// the layouts agree, so that P and dS never leave registers.
template <int kMmaN>
__device__ __forceinline__ void accumulator_to_a(std::uint32_t (&a)[4],
                                                 const float (&acc)[kMmaN][4], int k) {
  a[0] = pack_bf16x2(acc[2 * k][0], acc[2 * k][1]);
  a[1] = pack_bf16x2(acc[2 * k][2], acc[2 * k][3]);
  a[2] = pack_bf16x2(acc[2 * k + 1][0], acc[2 * k + 1][1]);
  a[3] = pack_bf16x2(acc[2 * k + 1][2], acc[2 * k + 1][3]);
}

/// acc [16 kMmaM, 8 kMmaN] += a [16 kMmaM, 16] b^T: one k-step of a product with a shared tile b,
/// of its rows 0 ... 8 kMmaN - 1 and columns 16 k ... + 15.
template <int kHeadDim, int kMmaM, int kMmaN>
__device__ __forceinline__ void gemm_nt(float (&acc)[kMmaM][kMmaN][4],
                                        const std::uint32_t (&a)[kMmaM][4], const bf16* b, int k) {
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int n = 0; n < kMmaN; n += 2) {
    std::uint32_t r[4];
    load_matrices(r, b + swizzled<kHeadDim>(8 * n + lane % 8 + lane / 16 * 8, 2 * k + lane / 8 % 2,
                                            lane % 8));
#pragma unroll
    for (int m = 0; m < kMmaM; ++m) {
      mma_m16n8k16(acc[m][n], a[m], {r[0], r[1]});
      mma_m16n8k16(acc[m][n + 1], a[m], {r[2], r[3]});
    }
  }
}

/// acc [16 kMmaM, kHeadDim] += a [16 kMmaM, 16] b: one k-step of a product with a shared tile b, of
/// its rows 16 k ... + 15.
template <int kHeadDim, int kMmaM>
__device__ __forceinline__ void gemm_nn(float (&acc)[kMmaM][kHeadDim / 8][4],
                                        const std::uint32_t (&a)[kMmaM][4], const bf16* b, int k) {
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int n = 0; n < kHeadDim / 8; n += 2) {
    std::uint32_t r[4];
    load_matrices_transposed(r,
                             b + swizzled<kHeadDim>(16 * k + lane % 16, n + lane / 16, lane % 8));
#pragma unroll
    for (int m = 0; m < kMmaM; ++m) {
      mma_m16n8k16(acc[m][n], a[m], {r[0], r[1]});
      mma_m16n8k16(acc[m][n + 1], a[m], {r[2], r[3]});
    }
  }
}

/// Warp shuffle reductions over the quad of lanes that share a row of an accumulator.
__device__ __forceinline__ float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(kWholeWarp, x, 1));
  return fmaxf(x, __shfl_xor_sync(kWholeWarp, x, 2));
}
__device__ __forceinline__ float quad_sum(float x) {
  x += __shfl_xor_sync(kWholeWarp, x, 1);
  return x + __shfl_xor_sync(kWholeWarp, x, 2);
}

}  // namespace isoflop::attention
