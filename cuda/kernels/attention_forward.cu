// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention.h"
#include "kernels/attention_tile.cuh"

namespace isoflop {
namespace {

using namespace attention;

constexpr int kKeys = 64;  // of a tile

/// Of a warp's rows, in fragments: {row g, row g + 8} of each band of 16.
template <int kBands>
struct Softmax {
  float largest[kBands][2];
  float sum[kBands][2];  // of this lane's columns
};

/// Scores of keys behind their query become -inf. A score that is not finite makes the sum NaN: one
/// of -inf would leave no other trace. Every query sees its own key, so that no other tile needs to
/// be searched.
template <int kBands>
__device__ __forceinline__ void mask(float (&scores)[kBands][kKeys / 8][4],
                                     float (&sums)[kBands][2], int first_row, int first_key) {
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int band = 0; band < kBands; ++band)
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = first_row + 16 * band + lane / 4 + i / 2 * 8;
        const int key = first_key + 8 * n + 2 * (lane % 4) + i % 2;
        float& score = scores[band][n][i];
        if (key <= row)
          sums[band][i / 2] += 0.0f * score;
        else
          score = -INFINITY;
      }
}

/// Scores become exp(scale (score - largest so far)); what was summed before is scaled to that.
template <int kColTiles>
__device__ __forceinline__ void soften(float (&scores)[kKeys / 8][4], float (&out)[kColTiles][4],
                                       float (&largest)[2], float (&sum)[2], float to_log2) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float most = largest[half];
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n)
      most = fmaxf(most, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
    most = largest_of_row(most);
    const float correction = exp2f((largest[half] - most) * to_log2), shift = most * to_log2;
    largest[half] = most;
    sum[half] *= correction;
#pragma unroll
    for (int n = 0; n < kColTiles; ++n) {
      out[n][2 * half] *= correction;
      out[n][2 * half + 1] *= correction;
    }
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        scores[n][i] = exp2f(fmaf(scores[n][i], to_log2, -shift));
        sum[half] += scores[n][i];
      }
  }
}

/// One block: kBands 64 queries of one head. A warp holds kBands 16 of them, their scores with a
/// tile of keys and their outputs in registers; tiles of keys and values come through two buffers,
/// one read while the other fills.
template <int kCols, int kBands, int kBlocks>
__global__ void __launch_bounds__(kThreads, kBlocks)
    attention_forward_kernel(const bf16* qkv, bf16* out, float* log_sum_exp, AttentionShape shape,
                             int tiles) {
  constexpr int kRows = 64 * kBands, kTile = kKeys * kCols;
  bf16* const buffers = dynamic_shared<bf16>();  // keys, values, keys, values
  const BlockPlace place(tiles, shape.n_heads);
  const int first = (tiles - 1 - place.tile) * kRows;  // most work first
  const int group = shape.n_heads / shape.n_kv_heads;
  const std::int64_t row_of_seq = static_cast<std::int64_t>(place.seq) * shape.seq_len;
  const bf16* const seq = qkv + row_of_seq * shape.qkv_stride;
  const bf16* const keys = seq + (shape.n_heads + place.head / group) * shape.d_head;
  const bf16* const values = keys + shape.n_kv_heads * shape.d_head;
  const auto fetch_keys = [&](int tile) {
    bf16* const buffer = buffers + tile % 2 * 2 * kTile;
    const std::int64_t offset = static_cast<std::int64_t>(tile) * kKeys * shape.qkv_stride;
    const int n_valid = shape.seq_len - tile * kKeys;
    fetch_tile<kKeys, kCols>(buffer, keys + offset, shape.qkv_stride, n_valid, shape.d_head);
    fetch_tile<kKeys, kCols>(buffer + kTile, values + offset, shape.qkv_stride, n_valid,
                             shape.d_head);
    commit_copies();
  };

  bf16* const queries = buffers + 2 * kTile;
  fetch_tile<kRows, kCols>(
      queries,
      seq + static_cast<std::int64_t>(first) * shape.qkv_stride + place.head * shape.d_head,
      shape.qkv_stride, shape.seq_len - first, shape.d_head);
  fetch_keys(0);
  wait_for_copies<0>();
  __syncthreads();
  const int warp_row = static_cast<int>(threadIdx.x / 32) * 16 * kBands;
  std::uint32_t q[kCols / 16][kBands][4];
#pragma unroll
  for (int k = 0; k < kCols / 16; ++k)
#pragma unroll
    for (int band = 0; band < kBands; ++band)
      load_left<kCols>(q[k][band], queries, warp_row + 16 * band, k);

  float sums[kBands][kCols / 8][4] = {};
  Softmax<kBands> softmax;
#pragma unroll
  for (int i = 0; i < 2 * kBands; ++i) {
    softmax.largest[i / 2][i % 2] = -INFINITY;
    softmax.sum[i / 2][i % 2] = 0;
  }
  const float to_log2 = shape.scale * kLog2E;
  const int n_seen = first + kRows < shape.seq_len ? first + kRows : shape.seq_len;
  const int n_key_tiles = (n_seen + kKeys - 1) / kKeys;
  for (int tile = 0; tile < n_key_tiles; ++tile) {
    wait_for_copies<0>();
    __syncthreads();
    if (tile + 1 < n_key_tiles) fetch_keys(tile + 1);
    const int diagonal = (first + warp_row) / kKeys;
    if (tile > diagonal) continue;
    const bf16* const key_tile = buffers + tile % 2 * 2 * kTile;
    float scores[kBands][kKeys / 8][4] = {};
#pragma unroll
    for (int k = 0; k < kCols / 16; ++k) add_times_transposed<kCols>(scores, q[k], key_tile, k);
    if (tile == diagonal) mask(scores, softmax.sum, first + warp_row, tile * kKeys);
#pragma unroll
    for (int band = 0; band < kBands; ++band)
      soften(scores[band], sums[band], softmax.largest[band], softmax.sum[band], to_log2);
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
      std::uint32_t p[kBands][4];
#pragma unroll
      for (int band = 0; band < kBands; ++band) round_to_left(p[band], scores[band], k);
      add_times<kCols>(sums, p, key_tile + kTile, k);
    }
  }

  __syncthreads();
  bf16* const head = out + (row_of_seq + first) * shape.out_stride + place.head * shape.d_head;
  const int n_valid = shape.seq_len - first, lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int band = 0; band < kBands; ++band) {
    const int band_row = warp_row + 16 * band;
    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float sum = sum_of_row(softmax.sum[band][half]);
      inverse[half] = 1.0f / sum;
      const int row = band_row + lane / 4 + 8 * half;
      if (lane % 4 == 0 && row < n_valid)
        log_sum_exp[(row_of_seq + first + row) * shape.n_heads + place.head] =
            softmax.largest[band][half] * shape.scale + logf(sum);
    }
    round_into_tile<kCols>(buffers, band_row, sums[band], inverse[0], inverse[1]);
    __syncwarp();
    store_rows<kCols>(buffers, band_row, head, shape.out_stride, n_valid, shape.d_head);
  }
}

template <int kCols, int kBands, int kBlocks>
void launch_columns(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                    cudaStream_t stream) {
  const std::int64_t tiles = n_tiles(dims.seq_len, 64 * kBands);
  const auto blocks = static_cast<unsigned>(tiles * dims.n_heads * dims.n_seqs);
  launch(attention_forward_kernel<kCols, kBands, kBlocks>,
         LaunchShape{blocks, kThreads, 4 * kKeys * kCols * sizeof(bf16)}, stream,
         static_cast<const bf16*>(qkv.data), static_cast<bf16*>(out.data), log_sum_exp.f32(),
         AttentionShape(dims), static_cast<int>(tiles));
}

}  // namespace

bool attention_fits_tensor_cores(const AttentionDims& dims, Tensor tensor) {
  return tensor.dtype == DType::bf16 && dims.d_head <= 128 && dims.d_head % 8 == 0 &&
         reinterpret_cast<std::uintptr_t>(tensor.data) % 16 == 0;
}

void launch_attention_forward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                              cudaStream_t stream) {
  // 32 queries per warp halve what is read from shared memory per product; beyond 64 columns that
  // spills registers.
  if (dims.d_head <= 32)
    launch_columns<32, 2, 2>(qkv, dims, out, log_sum_exp, stream);
  else if (dims.d_head <= 64)
    launch_columns<64, 2, 2>(qkv, dims, out, log_sum_exp, stream);
  else if (dims.d_head <= 96)
    launch_columns<96, 1, 3>(qkv, dims, out, log_sum_exp, stream);
  else
    launch_columns<128, 1, 2>(qkv, dims, out, log_sum_exp, stream);
}

}  // namespace isoflop
