// SPDX-License-Identifier: Apache-2.0
// Forward pass of causal attention: FlashAttention-2, algorithm 1 (arXiv:2307.08691). A block keeps
// kBlockM queries and goes over the keys that they see in tiles of kBlockN. With s = q k^T and a =
// 1 / sqrt(d_head), each tile makes an online-softmax step of every row (arXiv:1805.02867):
//   row_max' = max(row_max, max_j s[j]),   rescale = exp(a (row_max - row_max')),
//   p[j] = exp(a (s[j] - row_max')),   row_sum' = rescale row_sum + sum_j p[j],
//   acc_o' = rescale acc_o + p v;
// in the end out = acc_o / row_sum and log_sum_exp = a row_max + log(row_sum). exp is exp2 with
// log2(e) in the scale. Four warps split the block's rows; q, s and acc_o stay in registers, tiles
// of k and v come by cp.async through two stages. Tiles [kBlockM, kBlockN], blocks per SM by launch
// bounds:
//   d_head <= 32: [128, 64], 2;   <= 64: [128, 64], 2;   <= 96: [64, 64], 3;   <= 128: [64, 64], 2.
// Rejected: kBlockM = 128 beyond 64 columns, which spills registers; RoPE in this kernel, since
// both backends are to have the same operations (docs/decisions/0010).
#include "kernels/attention.h"
#include "kernels/attention_tile.cuh"

namespace isoflop {
namespace {

using namespace attention;

constexpr int kBlockN = 64;

/// State of the online softmax of a warp's rows: {row g, row g + 8} of each MMA tile.
template <int kMmaM>
struct OnlineSoftmax {
  float row_max[kMmaM][2];  // unscaled
  float row_sum[kMmaM][2];  // of this lane's columns
};

/// Causal mask: scores of keys behind their query become -inf. A score that is not finite makes
/// row_sum NaN: one of -inf would leave no other trace. Every query sees its own key, so that no
/// tile but the diagonal one needs to be searched.
template <int kMmaM>
__device__ __forceinline__ void apply_causal_mask(float (&acc_s)[kMmaM][kBlockN / 8][4],
                                                  float (&row_sum)[kMmaM][2], int first_row,
                                                  int first_key) {
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int m = 0; m < kMmaM; ++m)
#pragma unroll
    for (int n = 0; n < kBlockN / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = first_row + 16 * m + lane / 4 + i / 2 * 8;
        const int key = first_key + 8 * n + 2 * (lane % 4) + i % 2;
        float& score = acc_s[m][n][i];
        if (key <= row)
          row_sum[m][i / 2] += 0.0f * score;
        else
          score = -INFINITY;
      }
}

/// The online-softmax step of 16 rows: acc_s becomes p = exp(scale (s - row_max)) with the new
/// row_max; acc_o and row_sum are rescaled to it.
template <int kOutTiles>
__device__ __forceinline__ void softmax_rescale(float (&acc_s)[kBlockN / 8][4],
                                                float (&acc_o)[kOutTiles][4], float (&row_max)[2],
                                                float (&row_sum)[2], float softmax_scale_log2) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float new_max = row_max[half];
#pragma unroll
    for (int n = 0; n < kBlockN / 8; ++n)
      new_max = fmaxf(new_max, fmaxf(acc_s[n][2 * half], acc_s[n][2 * half + 1]));
    new_max = quad_max(new_max);
    const float rescale = exp2f((row_max[half] - new_max) * softmax_scale_log2),
                max_scaled = new_max * softmax_scale_log2;
    row_max[half] = new_max;
    row_sum[half] *= rescale;
#pragma unroll
    for (int n = 0; n < kOutTiles; ++n) {
      acc_o[n][2 * half] *= rescale;
      acc_o[n][2 * half + 1] *= rescale;
    }
#pragma unroll
    for (int n = 0; n < kBlockN / 8; ++n)
#pragma unroll
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        acc_s[n][i] = exp2f(fmaf(acc_s[n][i], softmax_scale_log2, -max_scaled));
        row_sum[half] += acc_s[n][i];
      }
  }
}

/// One block: kBlockM queries of one head, 16 kMmaM of them for each warp. Tiles of keys and values
/// come through two stages, one read while the other fills.
template <int kHeadDim, int kBlockM, int kMinBlocksPerSm>
__global__ void __launch_bounds__(kThreads, kMinBlocksPerSm)
    attention_forward_kernel(const bf16* qkv, bf16* out, float* log_sum_exp, AttentionShape shape,
                             int n_m_blocks) {
  constexpr int kMmaM = kBlockM / (16 * kWarps), kTile = kBlockN * kHeadDim;
  bf16* const stages = dynamic_shared<bf16>();  // keys, values, keys, values
  const BlockCoord coord(n_m_blocks, shape.n_heads);
  // The queries that see most keys first: the blocks that start last are short.
  const int first_query = (n_m_blocks - 1 - coord.tile) * kBlockM;
  const int heads_per_kv_head = shape.n_heads / shape.n_kv_heads;
  const std::int64_t seq_row = static_cast<std::int64_t>(coord.seq) * shape.seq_len;
  const bf16* const seq = qkv + seq_row * shape.qkv_stride;
  const bf16* const keys = seq + (shape.n_heads + coord.head / heads_per_kv_head) * shape.d_head;
  const bf16* const values = keys + shape.n_kv_heads * shape.d_head;
  const auto load_kv_async = [&](int n_block) {
    bf16* const stage = stages + n_block % 2 * 2 * kTile;
    const std::int64_t offset = static_cast<std::int64_t>(n_block) * kBlockN * shape.qkv_stride;
    const int n_valid = shape.seq_len - n_block * kBlockN;
    load_tile_async<kBlockN, kHeadDim>(stage, keys + offset, shape.qkv_stride, n_valid,
                                       shape.d_head);
    load_tile_async<kBlockN, kHeadDim>(stage + kTile, values + offset, shape.qkv_stride, n_valid,
                                       shape.d_head);
    commit_copies();
  };

  bf16* const queries = stages + 2 * kTile;
  load_tile_async<kBlockM, kHeadDim>(
      queries,
      seq + static_cast<std::int64_t>(first_query) * shape.qkv_stride + coord.head * shape.d_head,
      shape.qkv_stride, shape.seq_len - first_query, shape.d_head);
  load_kv_async(0);
  wait_for_copies<0>();
  __syncthreads();
  const int warp_row = static_cast<int>(threadIdx.x / 32) * 16 * kMmaM;
  std::uint32_t q[kHeadDim / 16][kMmaM][4];
#pragma unroll
  for (int k = 0; k < kHeadDim / 16; ++k)
#pragma unroll
    for (int m = 0; m < kMmaM; ++m) load_a<kHeadDim>(q[k][m], queries, warp_row + 16 * m, k);

  float acc_o[kMmaM][kHeadDim / 8][4] = {};
  OnlineSoftmax<kMmaM> softmax;
#pragma unroll
  for (int i = 0; i < 2 * kMmaM; ++i) {
    softmax.row_max[i / 2][i % 2] = -INFINITY;
    softmax.row_sum[i / 2][i % 2] = 0;
  }
  const float softmax_scale_log2 = shape.softmax_scale * kLog2E;
  const int n_visible =
      first_query + kBlockM < shape.seq_len ? first_query + kBlockM : shape.seq_len;
  const int n_block_max = (n_visible + kBlockN - 1) / kBlockN;
  for (int n_block = 0; n_block < n_block_max; ++n_block) {
    wait_for_copies<0>();
    __syncthreads();
    if (n_block + 1 < n_block_max) load_kv_async(n_block + 1);
    const int diagonal = (first_query + warp_row) / kBlockN;
    if (n_block > diagonal) continue;
    const bf16* const k_tile = stages + n_block % 2 * 2 * kTile;
    float acc_s[kMmaM][kBlockN / 8][4] = {};
#pragma unroll
    for (int k = 0; k < kHeadDim / 16; ++k) gemm_nt<kHeadDim>(acc_s, q[k], k_tile, k);
    if (n_block == diagonal)
      apply_causal_mask(acc_s, softmax.row_sum, first_query + warp_row, n_block * kBlockN);
#pragma unroll
    for (int m = 0; m < kMmaM; ++m)
      softmax_rescale(acc_s[m], acc_o[m], softmax.row_max[m], softmax.row_sum[m],
                      softmax_scale_log2);
#pragma unroll
    for (int k = 0; k < kBlockN / 16; ++k) {
      std::uint32_t p[kMmaM][4];
#pragma unroll
      for (int m = 0; m < kMmaM; ++m) accumulator_to_a(p[m], acc_s[m], k);
      gemm_nn<kHeadDim>(acc_o, p, k_tile + kTile, k);
    }
  }

  __syncthreads();
  bf16* const head = out + (seq_row + first_query) * shape.out_stride + coord.head * shape.d_head;
  const int n_valid = shape.seq_len - first_query, lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int m = 0; m < kMmaM; ++m) {
    const int mma_row = warp_row + 16 * m;
    float inverse[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float sum = quad_sum(softmax.row_sum[m][half]);
      inverse[half] = 1.0f / sum;
      const int row = mma_row + lane / 4 + 8 * half;
      if (lane % 4 == 0 && row < n_valid)
        log_sum_exp[(seq_row + first_query + row) * shape.n_heads + coord.head] =
            softmax.row_max[m][half] * shape.softmax_scale + logf(sum);
    }
    store_accumulator<kHeadDim>(stages, mma_row, acc_o[m], inverse[0], inverse[1]);
    __syncwarp();
    store_tile_rows<kHeadDim>(stages, mma_row, head, shape.out_stride, n_valid, shape.d_head);
  }
}

template <int kHeadDim, int kBlockM, int kMinBlocksPerSm>
void launch_head_dim(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                     cudaStream_t stream) {
  const std::int64_t n_m_blocks = ceil_div(dims.seq_len, kBlockM);
  const auto blocks = static_cast<unsigned>(n_m_blocks * dims.n_heads * dims.n_seqs);
  launch(attention_forward_kernel<kHeadDim, kBlockM, kMinBlocksPerSm>,
         LaunchShape{blocks, kThreads, 4 * kBlockN * kHeadDim * sizeof(bf16)}, stream,
         static_cast<const bf16*>(qkv.data), static_cast<bf16*>(out.data), log_sum_exp.f32(),
         AttentionShape(dims), static_cast<int>(n_m_blocks));
}

}  // namespace

bool attention_fits_tensor_cores(const AttentionDims& dims, Tensor tensor) {
  return tensor.dtype == DType::bf16 && dims.d_head <= 128 && dims.d_head % 8 == 0 &&
         reinterpret_cast<std::uintptr_t>(tensor.data) % 16 == 0;
}

void launch_attention_forward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                              cudaStream_t stream) {
  // 32 queries per warp (kBlockM = 128) halve what is read from shared memory per product; beyond
  // 64 columns that spills registers.
  if (dims.d_head <= 32)
    launch_head_dim<32, 128, 2>(qkv, dims, out, log_sum_exp, stream);
  else if (dims.d_head <= 64)
    launch_head_dim<64, 128, 2>(qkv, dims, out, log_sum_exp, stream);
  else if (dims.d_head <= 96)
    launch_head_dim<96, 64, 3>(qkv, dims, out, log_sum_exp, stream);
  else
    launch_head_dim<128, 64, 2>(qkv, dims, out, log_sum_exp, stream);
}

}  // namespace isoflop
