// SPDX-License-Identifier: Apache-2.0
// Backward pass of causal attention: FlashAttention-2, algorithm 2 (arXiv:2307.08691), in two
// kernels with a = 1 / sqrt(d_head), s = q k^T and p = exp(a s - log_sum_exp) computed again in
// each:
//   dq:      delta = row_sum(dout * out);  dp = dout v^T, ds = p (dp - delta), acc_dq += ds k
//   dk, dv:  acc_dv += p^T dout, acc_dk += ds^T q, over all query heads of the key/value head
// and dq = a acc_dq, dk = a acc_dk. The dq kernel keeps kBlockM queries and goes over tiles of
// kBlockN keys, as the forward pass does; the dk dv kernel keeps kBlockN keys and values and goes
// over tiles of kBlockM queries. Tiles [kBlockM, kBlockN] of the dq and of the dk dv kernel, and
// blocks per SM (launch bounds):
//   d_head <= 32: [128, 64], 3; [64, 128], 2;     <= 64: [128, 64], 2; [64, 128], 2;
//          <= 96: [64, 32], 2;  [32, 64], 2;     <= 128: [64, 32], 2;  [32, 64], 2.
// Rejected: the one kernel of FlashAttention-2, five products instead of seven, since its dq is
// summed over key tiles by atomics, in no fixed order, or from f32 partial sums in memory
// (kernels/attention.h, docs/decisions/0010). Cost: up to two fifths more arithmetic.
#include "kernels/attention.h"
#include "kernels/attention_tile.cuh"

namespace isoflop {
namespace {

using namespace attention;

/// Rows of the tiles that a block goes over: kBlockN of the dq kernel, kBlockM of the dk dv kernel.
template <int kHeadDim>
constexpr int kLoopBlock = kHeadDim <= 64 ? 64 : 32;

/// {log_sum_exp log2(e), delta = row_sum(dout * out)} of a row and head. NaN where log_sum_exp is
/// not finite: probabilities near 0 would hide it. Two threads each, both get the result.
__device__ __forceinline__ float2 compute_lse_delta(const bf16* out, const bf16* dout,
                                                    const float* log_sum_exp, bool valid,
                                                    int d_head) {
  float delta = 0, lse_log2 = 0;
  if (valid) {
    for (int c = 8 * static_cast<int>(threadIdx.x % 2); c < d_head; c += 16) {
      const auto o = load<8>(out + c), d = load<8>(dout + c);
#pragma unroll
      for (int i = 0; i < 8; ++i) delta = fmaf(upcast(o.values[i]), upcast(d.values[i]), delta);
    }
    lse_log2 = *log_sum_exp * kLog2E + (*log_sum_exp - *log_sum_exp);
  }
  return {lse_log2, delta + __shfl_xor_sync(kWholeWarp, delta, 1)};
}

/// One block: kBlockM queries of one head, 16 kMmaM of them for each warp. Writes their dq, and
/// their lse_delta for the kernel below.
template <int kHeadDim, int kBlockM, int kMinBlocksPerSm>
__global__ void __launch_bounds__(kThreads, kMinBlocksPerSm)
    attention_backward_dq_kernel(const bf16* qkv, const bf16* out, const float* log_sum_exp,
                                 const bf16* dout, bf16* dqkv, float2* all_lse_delta,
                                 AttentionShape shape, int n_m_blocks, int seq_len_rounded) {
  constexpr int kMmaM = kBlockM / (16 * kWarps);
  constexpr int kBlockN = kLoopBlock<kHeadDim>, kTile = kBlockN * kHeadDim;
  static_assert(2 * kBlockM * kHeadDim <= 4 * kTile);
  // Keys of the tile whose scores are in registers at a time; 32 of them would spill others.
  constexpr int kSubtileN = kMmaM == 2 && kHeadDim == 64 ? 16 : 32;
  __shared__ float2 lse_delta[kBlockM];
  bf16* const stages = dynamic_shared<bf16>();  // keys, values, keys, values
  const BlockCoord coord(n_m_blocks, shape.n_heads);
  // The queries that see most keys first: the blocks that start last are short.
  const int first_query = (n_m_blocks - 1 - coord.tile) * kBlockM;
  const int n_valid = shape.seq_len - first_query;
  const int heads_per_kv_head = shape.n_heads / shape.n_kv_heads;
  const std::int64_t seq_row = static_cast<std::int64_t>(coord.seq) * shape.seq_len;
  const std::int64_t first_row = seq_row + first_query;
  const bf16* const keys = qkv + seq_row * shape.qkv_stride +
                           (shape.n_heads + coord.head / heads_per_kv_head) * shape.d_head;
  const std::int64_t query_offset = first_row * shape.qkv_stride + coord.head * shape.d_head;
  const std::int64_t out_offset = first_row * shape.out_stride + coord.head * shape.d_head;
  const auto load_kv_async = [&](int n_block) {
    bf16* const stage = stages + n_block % 2 * 2 * kTile;
    const std::int64_t offset = static_cast<std::int64_t>(n_block) * kBlockN * shape.qkv_stride;
    const int n = shape.seq_len - n_block * kBlockN;
    load_tile_async<kBlockN, kHeadDim>(stage, keys + offset, shape.qkv_stride, n, shape.d_head);
    load_tile_async<kBlockN, kHeadDim>(stage + kTile,
                                       keys + offset + shape.n_kv_heads * shape.d_head,
                                       shape.qkv_stride, n, shape.d_head);
    commit_copies();
  };

  bf16* const dout_tile = stages + kBlockM * kHeadDim;
  load_tile_async<kBlockM, kHeadDim>(stages, qkv + query_offset, shape.qkv_stride, n_valid,
                                     shape.d_head);
  load_tile_async<kBlockM, kHeadDim>(dout_tile, dout + out_offset, shape.out_stride, n_valid,
                                     shape.d_head);
  commit_copies();
#pragma unroll
  for (int row = static_cast<int>(threadIdx.x / 2); row < kBlockM; row += kThreads / 2) {
    const std::int64_t offset = out_offset + static_cast<std::int64_t>(row) * shape.out_stride;
    const float2 computed = compute_lse_delta(
        out + offset, dout + offset, log_sum_exp + (first_row + row) * shape.n_heads + coord.head,
        row < n_valid, shape.d_head);
    if (threadIdx.x % 2 == 0) {
      lse_delta[row] = computed;
      const std::int64_t head = std::int64_t{coord.seq} * shape.n_heads + coord.head;
      if (first_query + row < seq_len_rounded)
        all_lse_delta[head * seq_len_rounded + first_query + row] = computed;
    }
  }
  wait_for_copies<0>();
  __syncthreads();
  const int warp_row = static_cast<int>(threadIdx.x / 32) * 16 * kMmaM;
  const int lane = static_cast<int>(threadIdx.x % 32);
  std::uint32_t q[kHeadDim / 16][kMmaM][4], d[kHeadDim / 16][kMmaM][4];
  float2 row_lse_delta[kMmaM][2];
#pragma unroll
  for (int m = 0; m < kMmaM; ++m) {
    const int mma_row = warp_row + 16 * m;
#pragma unroll
    for (int k = 0; k < kHeadDim / 16; ++k) {
      load_a<kHeadDim>(q[k][m], stages, mma_row, k);
      load_a<kHeadDim>(d[k][m], dout_tile, mma_row, k);
    }
    row_lse_delta[m][0] = lse_delta[mma_row + lane / 4];
    row_lse_delta[m][1] = lse_delta[mma_row + lane / 4 + 8];
  }
  __syncthreads();

  float acc_dq[kMmaM][kHeadDim / 8][4] = {};
  const float softmax_scale_log2 = shape.softmax_scale * kLog2E;
  const int n_visible =
      first_query + kBlockM < shape.seq_len ? first_query + kBlockM : shape.seq_len;
  const int n_block_max = (n_visible + kBlockN - 1) / kBlockN;
  load_kv_async(0);
  for (int n_block = 0; n_block < n_block_max; ++n_block) {
    wait_for_copies<0>();
    __syncthreads();
    if (n_block + 1 < n_block_max) load_kv_async(n_block + 1);
    const bf16* const k_tile = stages + n_block % 2 * 2 * kTile;
#pragma unroll 1
    for (int subtile = 0; subtile < kBlockN; subtile += kSubtileN) {
      const int ahead = first_query + warp_row - n_block * kBlockN - subtile;  // of the first key
      if (ahead + 16 * kMmaM - 1 < 0) break;
      const bf16* const k_subtile = k_tile + subtile * kHeadDim;
      float acc_s[kMmaM][kSubtileN / 8][4] = {}, acc_dp[kMmaM][kSubtileN / 8][4] = {};
#pragma unroll
      for (int k = 0; k < kHeadDim / 16; ++k) {
        gemm_nt<kHeadDim>(acc_s, q[k], k_subtile, k);
        gemm_nt<kHeadDim>(acc_dp, d[k], k_subtile + kTile, k);
      }
      const bool all_visible = ahead >= kSubtileN - 1;
      const int of_lane = ahead + lane / 4 - 2 * (lane % 4);
#pragma unroll
      for (int m = 0; m < kMmaM; ++m)
#pragma unroll
        for (int n = 0; n < kSubtileN / 8; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float2 row = row_lse_delta[m][i / 2];
            const float log2_p = fmaf(acc_s[m][n][i], softmax_scale_log2, -row.x);
            const bool visible = all_visible || 8 * n + i % 2 <= of_lane + 16 * m + i / 2 * 8;
            // From here on ds.
            acc_dp[m][n][i] = visible ? exp2f(log2_p) * (acc_dp[m][n][i] - row.y) : 0.0f;
          }
#pragma unroll
      for (int k = 0; k < kSubtileN / 16; ++k) {
        std::uint32_t ds[kMmaM][4];
#pragma unroll
        for (int m = 0; m < kMmaM; ++m) accumulator_to_a(ds[m], acc_dp[m], k);
        gemm_nn<kHeadDim>(acc_dq, ds, k_subtile, k);
      }
    }
  }

  __syncthreads();
#pragma unroll
  for (int m = 0; m < kMmaM; ++m) {
    const int mma_row = warp_row + 16 * m;
    store_accumulator<kHeadDim>(stages, mma_row, acc_dq[m], shape.softmax_scale,
                                shape.softmax_scale);
    __syncwarp();
    store_tile_rows<kHeadDim>(stages, mma_row, dqkv + query_offset, shape.qkv_stride, n_valid,
                              shape.d_head);
  }
}

/// One block: kBlockN keys and values of one key/value head, 16 kMmaM of them for each warp,
/// against the queries that see them of all its query heads. Works on s^T, keys along the M of the
/// MMA, so that p^T and ds^T are A operands as they come.
template <int kHeadDim, int kBlockN, int kMinBlocksPerSm>
__global__ void __launch_bounds__(kThreads, kMinBlocksPerSm)
    attention_backward_dk_dv_kernel(const bf16* qkv, const bf16* dout, const float2* all_lse_delta,
                                    bf16* dqkv, AttentionShape shape, int n_n_blocks,
                                    int seq_len_rounded) {
  constexpr int kMmaM = kBlockN / (16 * kWarps);
  constexpr int kBlockM = kLoopBlock<kHeadDim>, kTile = kBlockM * kHeadDim;
  constexpr int kSubtileM = 32;  // queries of the tile whose scores are in registers at a time
  bf16* const keys = dynamic_shared<bf16>();
  bf16* const values = keys + kBlockN * kHeadDim;
  bf16* const stages = values + kBlockN * kHeadDim;  // queries, dout, queries, dout
  auto* const lse_delta_stages = reinterpret_cast<float2*>(stages + 4 * kTile);
  const BlockCoord coord(n_n_blocks, shape.n_kv_heads);
  const int first_key = coord.tile * kBlockN, n_valid = shape.seq_len - first_key;
  const int heads_per_kv_head = shape.n_heads / shape.n_kv_heads;
  const std::int64_t seq_row = static_cast<std::int64_t>(coord.seq) * shape.seq_len;
  const std::int64_t key_offset =
      (seq_row + first_key) * shape.qkv_stride + (shape.n_heads + coord.head) * shape.d_head;
  const std::int64_t value_offset = key_offset + shape.n_kv_heads * shape.d_head;
  const auto load_q_dout_async = [&](int stage_index, int head, int query) {
    bf16* const stage = stages + stage_index * 2 * kTile;
    const std::int64_t row = seq_row + query;
    const int n = shape.seq_len - query;
    load_tile_async<kBlockM, kHeadDim>(stage, qkv + row * shape.qkv_stride + head * shape.d_head,
                                       shape.qkv_stride, n, shape.d_head);
    load_tile_async<kBlockM, kHeadDim>(stage + kTile,
                                       dout + row * shape.out_stride + head * shape.d_head,
                                       shape.out_stride, n, shape.d_head);
    const int pair = 2 * static_cast<int>(threadIdx.x);
    if (pair < kBlockM)
      copy_async(lse_delta_stages + stage_index * kBlockM + pair,
                 all_lse_delta +
                     static_cast<std::int64_t>(coord.seq * shape.n_heads + head) * seq_len_rounded +
                     query + pair);
    commit_copies();
  };

  load_tile_async<kBlockN, kHeadDim>(keys, qkv + key_offset, shape.qkv_stride, n_valid,
                                     shape.d_head);
  load_tile_async<kBlockN, kHeadDim>(values, qkv + value_offset, shape.qkv_stride, n_valid,
                                     shape.d_head);
  const int last_head = (coord.head + 1) * heads_per_kv_head - 1;
  int head = coord.head * heads_per_kv_head, next_query = first_key;
  load_q_dout_async(0, head, first_key);
  const int warp_row = static_cast<int>(threadIdx.x / 32) * 16 * kMmaM;
  const int lane = static_cast<int>(threadIdx.x % 32);

  float acc_dk[kMmaM][kHeadDim / 8][4] = {}, acc_dv[kMmaM][kHeadDim / 8][4] = {};
  const float softmax_scale_log2 = shape.softmax_scale * kLog2E;
  for (int stage = 0; head <= last_head; stage ^= 1) {
    wait_for_copies<0>();
    __syncthreads();
    const int first_query = next_query;
    next_query += kBlockM;
    if (next_query >= shape.seq_len) {
      next_query = first_key;
      ++head;
    }
    if (head <= last_head) load_q_dout_async(stage ^ 1, head, next_query);
    const bf16* const q_tile = stages + stage * 2 * kTile;
    const float2* const query_lse_delta = lse_delta_stages + stage * kBlockM;
#pragma unroll 1
    for (int subtile = 0; subtile < kBlockM; subtile += kSubtileM) {
      const int ahead = first_query + subtile - first_key - warp_row;  // of the first key
      if (ahead + kSubtileM - 1 < 0) continue;
      const bf16* const q = q_tile + subtile * kHeadDim;
      const bf16* const d = q + kTile;
      float acc_s[kMmaM][kSubtileM / 8][4] = {}, acc_dp[kMmaM][kSubtileM / 8][4] = {};
#pragma unroll
      for (int k = 0; k < kHeadDim / 16; ++k) {
        std::uint32_t key[kMmaM][4], value[kMmaM][4];
#pragma unroll
        for (int m = 0; m < kMmaM; ++m) {
          load_a<kHeadDim>(key[m], keys, warp_row + 16 * m, k);
          load_a<kHeadDim>(value[m], values, warp_row + 16 * m, k);
        }
        gemm_nt<kHeadDim>(acc_s, key, q, k);
        gemm_nt<kHeadDim>(acc_dp, value, d, k);
      }
      const bool all_visible = ahead >= 16 * kMmaM - 1;
      const int of_lane = ahead + 2 * (lane % 4) - lane / 4;
#pragma unroll
      for (int n = 0; n < kSubtileM / 8; ++n) {
        const int column = 8 * n + 2 * (lane % 4);
        const float4 pair = *reinterpret_cast<const float4*>(query_lse_delta + subtile + column);
#pragma unroll
        for (int i = 0; i < 4 * kMmaM; ++i) {
          const float lse_log2 = i % 2 == 0 ? pair.x : pair.z, delta = i % 2 == 0 ? pair.y : pair.w;
          const bool visible = all_visible || i / 2 * 8 <= of_lane + 8 * n + i % 2;
          // From here on p and ds.
          float &p = acc_s[i / 4][n][i % 4], &ds = acc_dp[i / 4][n][i % 4];
          p = visible ? exp2f(fmaf(p, softmax_scale_log2, -lse_log2)) : 0.0f;
          ds = visible ? p * (ds - delta) : 0.0f;
        }
      }
#pragma unroll
      for (int k = 0; k < kSubtileM / 16; ++k) {
        std::uint32_t a[kMmaM][4];
#pragma unroll
        for (int m = 0; m < kMmaM; ++m) accumulator_to_a(a[m], acc_s[m], k);
        gemm_nn<kHeadDim>(acc_dv, a, d, k);
#pragma unroll
        for (int m = 0; m < kMmaM; ++m) accumulator_to_a(a[m], acc_dp[m], k);
        gemm_nn<kHeadDim>(acc_dk, a, q, k);
      }
    }
  }

  // Only this warp reads these rows of the tiles.
#pragma unroll
  for (int m = 0; m < kMmaM; ++m) {
    const int row = warp_row + 16 * m;
    store_accumulator<kHeadDim>(keys, row, acc_dk[m], shape.softmax_scale, shape.softmax_scale);
    store_accumulator<kHeadDim>(values, row, acc_dv[m], 1.0f, 1.0f);
    __syncwarp();
    store_tile_rows<kHeadDim>(keys, row, dqkv + key_offset, shape.qkv_stride, n_valid,
                              shape.d_head);
    store_tile_rows<kHeadDim>(values, row, dqkv + value_offset, shape.qkv_stride, n_valid,
                              shape.d_head);
  }
}

struct Backward {
  const bf16 *qkv, *out;
  const float* log_sum_exp;
  const bf16* dout;
  bf16* dqkv;
  float2* lse_delta;
};

/// kBlock: kBlockM of the dq kernel, kBlockN of the dk dv kernel.
template <int kHeadDim, int kBlock, int kDqBlocksPerSm, int kDkDvBlocksPerSm>
void launch_head_dim(const Backward& b, const AttentionDims& dims, cudaStream_t stream) {
  constexpr int kLoop = kLoopBlock<kHeadDim>;
  constexpr std::size_t kStageBytes = 4 * kLoop * kHeadDim * sizeof(bf16);
  constexpr std::size_t kDkDvBytes =
      2 * kBlock * kHeadDim * sizeof(bf16) + kStageBytes + 2 * kLoop * sizeof(float2);
  const AttentionShape shape(dims);
  const std::int64_t n_tiles = ceil_div(dims.seq_len, kBlock);
  const auto rounded = static_cast<int>(seq_len_rounded(dims));
  const auto blocks = [&](std::int64_t heads) {
    return static_cast<unsigned>(n_tiles * heads * dims.n_seqs);
  };
  launch(attention_backward_dq_kernel<kHeadDim, kBlock, kDqBlocksPerSm>,
         LaunchShape{blocks(dims.n_heads), kThreads, kStageBytes}, stream, b.qkv, b.out,
         b.log_sum_exp, b.dout, b.dqkv, b.lse_delta, shape, static_cast<int>(n_tiles), rounded);
  launch(attention_backward_dk_dv_kernel<kHeadDim, kBlock, kDkDvBlocksPerSm>,
         LaunchShape{blocks(dims.n_kv_heads), kThreads, kDkDvBytes}, stream, b.qkv, b.dout,
         b.lse_delta, b.dqkv, shape, static_cast<int>(n_tiles), rounded);
}

}  // namespace

std::int64_t attention_backward_workspace_bytes(const AttentionDims& dims) {
  return dims.n_seqs * dims.n_heads * seq_len_rounded(dims) *
         static_cast<std::int64_t>(sizeof(float2));
}

void launch_attention_backward(Tensor qkv, const AttentionDims& dims, Tensor out,
                               Tensor log_sum_exp, Tensor dout, Tensor dqkv, void* workspace,
                               cudaStream_t stream) {
  const Backward b{static_cast<const bf16*>(qkv.data),
                   static_cast<const bf16*>(out.data),
                   log_sum_exp.f32(),
                   static_cast<const bf16*>(dout.data),
                   static_cast<bf16*>(dqkv.data),
                   static_cast<float2*>(workspace)};
  // With two MMA tiles per warp (kBlock = 128) every operand that is read from shared memory is
  // used twice; beyond 64 columns that spills registers.
  if (dims.d_head <= 32)
    launch_head_dim<32, 128, 3, 2>(b, dims, stream);
  else if (dims.d_head <= 64)
    launch_head_dim<64, 128, 2, 2>(b, dims, stream);
  else if (dims.d_head <= 96)
    launch_head_dim<96, 64, 2, 2>(b, dims, stream);
  else
    launch_head_dim<128, 64, 2, 2>(b, dims, stream);
}

}  // namespace isoflop
