// SPDX-License-Identifier: Apache-2.0
// Causal attention without tensor cores: FlashAttention-2 (arXiv:2307.08691) as
// attention_forward.cu and attention_backward.cu do it, with the same formulas and the same two
// kernels of the backward pass (dq; dk dv), but every product by f32 fused multiply-adds, exp
// instead of exp2, accumulators in shared memory, and delta = row_sum(dout * out) by a kernel of
// its own in front of them. Tiles [kBlockM, kBlockN] = [32, 32] for every d_head; blocks of 256
// threads, four rows for each warp in the softmax.
#include "kernels/attention_plain.h"
#include "kernels/attention_shape.h"
#include "kernels/reduce.cuh"

namespace isoflop {
namespace {

constexpr int kTile = 32, kThreads = 256;  // kTile: kBlockM and kBlockN
// Rows are padded by an element: with an even number of columns, the elements of a column lie in
// different banks.
constexpr int kScores = kTile * (kTile + 1);
__device__ __forceinline__ int stride_of(const AttentionShape& shape) { return shape.d_head + 1; }

/// body(row, column) of a tile [kTile, n_cols], each by one thread, always the same.
template <class Body>
__device__ __forceinline__ void for_each(int n_cols, Body&& body) {
  for (int i = static_cast<int>(threadIdx.x); i < kTile * n_cols; i += kThreads)
    body(i / n_cols, i % n_cols);
}

/// Rows below n_valid of one head, upcast; zeros after them.
template <class T>
__device__ __forceinline__ void load_tile(float* tile, const T* rows, std::int64_t stride,
                                          int n_valid, const AttentionShape& shape) {
  for_each(shape.d_head, [&](int row, int col) {
    tile[row * stride_of(shape) + col] = row < n_valid ? upcast(rows[row * stride + col]) : 0.0f;
  });
}
template <class T>
__device__ __forceinline__ void store_tile(const float* tile, float factor, T* rows,
                                           std::int64_t stride, int n_valid,
                                           const AttentionShape& shape) {
  for_each(shape.d_head, [&](int row, int col) {
    if (row < n_valid)
      rows[row * stride + col] = round_to<T>(tile[row * stride_of(shape) + col] * factor);
  });
}
__device__ __forceinline__ void zero_tile(float* tile, const AttentionShape& shape) {
  for_each(shape.d_head, [&](int row, int col) { tile[row * stride_of(shape) + col] = 0.0f; });
}

__device__ __forceinline__ float dot(const float* a, const float* b, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum = fmaf(a[i], b[i], sum);
  return sum;
}

/// acc [kTile, S] += a b, with a [kTile, kTile] (i, j) at a[i stride_i + j stride_j].
__device__ __forceinline__ void gemm(float* acc, const float* a, int stride_i, int stride_j,
                                     const float* b, const AttentionShape& shape) {
  const int stride = stride_of(shape);
  for_each(shape.d_head, [&](int row, int col) {
    float sum = acc[row * stride + col];
    for (int j = 0; j < kTile; ++j)
      sum = fmaf(a[row * stride_i + j * stride_j], b[j * stride + col], sum);
    acc[row * stride + col] = sum;
  });
}

/// Tile, head and sequence of this block, and where they lie.
struct BlockCoord {
  int first, head;
  std::int64_t seq_row;

  __device__ BlockCoord(const AttentionShape& shape, int n_heads) : first(0), head(0), seq_row(0) {
    const int tiles = (shape.seq_len + kTile - 1) / kTile, block = static_cast<int>(blockIdx.x);
    first = block % tiles * kTile;
    head = block / tiles % n_heads;
    seq_row = static_cast<std::int64_t>(block / tiles / n_heads) * shape.seq_len;
  }
};

/// Column of the keys of key/value head `head` in a row of qkv; n_kv_heads d_head more: its values.
__device__ __forceinline__ int key_column(const AttentionShape& shape, int head) {
  return (shape.n_heads + head) * shape.d_head;
}

/// The online softmax of a row, one per warp.
struct OnlineSoftmax {
  float row_max = -INFINITY, row_sum = 0;

  /// One tile of keys, lane j with the score of key j, which becomes exp(score - row_max) with the
  /// new row_max. Returns the factor by which the row of acc_o is to be rescaled.
  __device__ float step(float& score, bool visible) {
    // Not finite: row_sum becomes NaN, as a score of -inf would leave no other trace.
    const float trace = visible ? 0.0f * score : 0.0f;
    if (!visible) score = -INFINITY;
    const float new_max = fmaxf(row_max, reduce_max<32>(score));
    const float rescale = expf(row_max - new_max);
    score = expf(score - new_max);
    row_sum = row_sum * rescale + reduce_sum<32>(score + trace);
    row_max = new_max;
    return rescale;
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads, 2)
    attention_plain_forward_kernel(const T* qkv, T* out, float* log_sum_exp, AttentionShape shape) {
  const BlockCoord coord(shape, shape.n_heads);
  const int stride = stride_of(shape), tile_size = kTile * stride;
  const int n_valid = shape.seq_len - coord.first;
  float* const q = dynamic_shared<float>();
  float* const k = q + tile_size;
  float* const v = k + tile_size;
  float* const acc_o = v + tile_size;
  float* const scores = acc_o + tile_size;
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const T* const seq = qkv + coord.seq_row * shape.qkv_stride;
  const T* const keys = seq + key_column(shape, coord.head / (shape.n_heads / shape.n_kv_heads));

  load_tile(q, seq + coord.first * std::int64_t{shape.qkv_stride} + coord.head * shape.d_head,
            shape.qkv_stride, n_valid, shape);
  zero_tile(acc_o, shape);
  constexpr int kRowsPerWarp = kTile / (kThreads / 32);
  OnlineSoftmax softmax[kRowsPerWarp];
  for (int key = 0; key <= coord.first; key += kTile) {
    const T* const rows = keys + key * std::int64_t{shape.qkv_stride};
    __syncthreads();
    load_tile(k, rows, shape.qkv_stride, shape.seq_len - key, shape);
    load_tile(v, rows + shape.n_kv_heads * shape.d_head, shape.qkv_stride, shape.seq_len - key,
              shape);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kRowsPerWarp; ++i) {
      const int row = warp * kRowsPerWarp + i;
      float score = shape.softmax_scale * dot(q + row * stride, k + lane * stride, shape.d_head);
      const float rescale = softmax[i].step(score, key + lane <= coord.first + row);
      scores[row * (kTile + 1) + lane] = score;
      for (int col = lane; col < shape.d_head; col += 32) acc_o[row * stride + col] *= rescale;
    }
    __syncthreads();
    gemm(acc_o, scores, kTile + 1, 1, v, shape);
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kRowsPerWarp; ++i) {
    const int row = warp * kRowsPerWarp + i;
    const std::int64_t to = coord.seq_row + coord.first + row;
    if (row >= n_valid) continue;
    for (int col = lane; col < shape.d_head; col += 32)
      out[to * shape.out_stride + coord.head * shape.d_head + col] =
          round_to<T>(acc_o[row * stride + col] / softmax[i].row_sum);
    if (lane == 0)
      log_sum_exp[to * shape.n_heads + coord.head] = softmax[i].row_max + logf(softmax[i].row_sum);
  }
}

/// lse_delta [n_seqs, H, seq_len_rounded]: {log_sum_exp, delta} of every row and head. NaN where
/// log_sum_exp is not finite: probabilities near 0 would hide it. One warp per row.
template <class T>
__global__ void __launch_bounds__(kThreads, 2)
    attention_plain_delta_kernel(const T* out, const float* log_sum_exp, const T* dout,
                                 float2* lse_delta, AttentionShape shape, int seq_len_rounded) {
  const std::int64_t at =
      (static_cast<std::int64_t>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x)) / 32;
  const int position = static_cast<int>(at % seq_len_rounded);
  const int head = static_cast<int>(at / seq_len_rounded % shape.n_heads);
  const std::int64_t row = at / seq_len_rounded / shape.n_heads * shape.seq_len + position;
  const std::int64_t first = row * shape.out_stride + head * shape.d_head;
  float delta = 0, lse = 0;
  if (position < shape.seq_len) {
    for (int col = static_cast<int>(threadIdx.x % 32); col < shape.d_head; col += 32)
      delta = fmaf(upcast(out[first + col]), upcast(dout[first + col]), delta);
    lse = log_sum_exp[row * shape.n_heads + head];
    lse += lse - lse;
  }
  delta = reduce_sum<32>(delta);
  if (threadIdx.x % 32 == 0) lse_delta[at] = {lse, delta};
}

/// p [kTile, kTile] and ds = p (dp - delta), dp = dout v^T, of queries from row `query` on and keys
/// from `key` on.
__device__ __forceinline__ void compute_p_and_ds(const float* q, const float* dout, const float* k,
                                                 const float* v, const float2* lse_delta, int query,
                                                 int key, const AttentionShape& shape, float* p,
                                                 float* ds) {
  const int stride = stride_of(shape);
  for_each(kTile, [&](int i, int j) {
    float p_ij = 0, ds_ij = 0;
    if (key + j <= query + i && query + i < shape.seq_len) {
      const float2 lse_delta_i = lse_delta[query + i];
      p_ij = expf(shape.softmax_scale * dot(q + i * stride, k + j * stride, shape.d_head) -
                  lse_delta_i.x);
      ds_ij = p_ij * (dot(dout + i * stride, v + j * stride, shape.d_head) - lse_delta_i.y);
    }
    p[i * (kTile + 1) + j] = p_ij;
    ds[i * (kTile + 1) + j] = ds_ij;
  });
}

/// The parts of shared memory in the backward pass.
struct BackwardTiles {
  float *q, *dout, *k, *v, *acc_dq, *acc_dk, *acc_dv, *p, *ds;

  __device__ explicit BackwardTiles(const AttentionShape& shape) {
    const int size = kTile * stride_of(shape);
    q = dynamic_shared<float>();
    dout = q + size;
    k = dout + size;
    v = k + size;
    acc_dq = acc_dk = v + size;  // one kernel each
    acc_dv = acc_dk + size;
    p = acc_dv + size;
    ds = p + kScores;
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads, 2)
    attention_plain_dq_kernel(const T* qkv, const T* dout, const float2* lse_delta, T* dqkv,
                              AttentionShape shape, int seq_len_rounded) {
  const BackwardTiles tiles(shape);
  const BlockCoord coord(shape, shape.n_heads);
  const std::int64_t stride = shape.qkv_stride, first_row = coord.seq_row + coord.first;
  const int n_valid = shape.seq_len - coord.first;
  const T* const keys = qkv + coord.seq_row * stride +
                        key_column(shape, coord.head / (shape.n_heads / shape.n_kv_heads));
  const std::int64_t queries = first_row * stride + coord.head * shape.d_head;
  const float2* const head_lse_delta =
      lse_delta + (coord.seq_row / shape.seq_len * shape.n_heads + coord.head) * seq_len_rounded;
  load_tile(tiles.q, qkv + queries, stride, n_valid, shape);
  load_tile(tiles.dout, dout + first_row * shape.out_stride + coord.head * shape.d_head,
            shape.out_stride, n_valid, shape);
  zero_tile(tiles.acc_dq, shape);
  for (int key = 0; key <= coord.first; key += kTile) {
    __syncthreads();
    load_tile(tiles.k, keys + key * stride, stride, shape.seq_len - key, shape);
    load_tile(tiles.v, keys + key * stride + shape.n_kv_heads * shape.d_head, stride,
              shape.seq_len - key, shape);
    __syncthreads();
    compute_p_and_ds(tiles.q, tiles.dout, tiles.k, tiles.v, head_lse_delta, coord.first, key, shape,
                     tiles.p, tiles.ds);
    __syncthreads();
    gemm(tiles.acc_dq, tiles.ds, kTile + 1, 1, tiles.k, shape);
  }
  store_tile(tiles.acc_dq, shape.softmax_scale, dqkv + queries, stride, n_valid, shape);
}

template <class T>
__global__ void __launch_bounds__(kThreads, 2)
    attention_plain_dk_dv_kernel(const T* qkv, const T* dout, const float2* lse_delta, T* dqkv,
                                 AttentionShape shape, int seq_len_rounded) {
  const BackwardTiles tiles(shape);
  const BlockCoord coord(shape, shape.n_kv_heads);
  const std::int64_t stride = shape.qkv_stride;
  const int n_valid = shape.seq_len - coord.first;
  const int heads_per_kv_head = shape.n_heads / shape.n_kv_heads;
  const std::int64_t keys = (coord.seq_row + coord.first) * stride + key_column(shape, coord.head);
  const std::int64_t values = keys + shape.n_kv_heads * shape.d_head;
  load_tile(tiles.k, qkv + keys, stride, n_valid, shape);
  load_tile(tiles.v, qkv + values, stride, n_valid, shape);
  zero_tile(tiles.acc_dk, shape);
  zero_tile(tiles.acc_dv, shape);
  for (int head = coord.head * heads_per_kv_head; head < (coord.head + 1) * heads_per_kv_head;
       ++head) {
    const float2* const head_lse_delta =
        lse_delta + (coord.seq_row / shape.seq_len * shape.n_heads + head) * seq_len_rounded;
    for (int query = coord.first; query < shape.seq_len; query += kTile) {
      const std::int64_t row = coord.seq_row + query;
      __syncthreads();
      load_tile(tiles.q, qkv + row * stride + head * shape.d_head, stride, shape.seq_len - query,
                shape);
      load_tile(tiles.dout, dout + row * shape.out_stride + head * shape.d_head, shape.out_stride,
                shape.seq_len - query, shape);
      __syncthreads();
      compute_p_and_ds(tiles.q, tiles.dout, tiles.k, tiles.v, head_lse_delta, query, coord.first,
                       shape, tiles.p, tiles.ds);
      __syncthreads();
      gemm(tiles.acc_dk, tiles.ds, 1, kTile + 1, tiles.q, shape);
      gemm(tiles.acc_dv, tiles.p, 1, kTile + 1, tiles.dout, shape);
    }
  }
  store_tile(tiles.acc_dk, shape.softmax_scale, dqkv + keys, stride, n_valid, shape);
  store_tile(tiles.acc_dv, 1.0f, dqkv + values, stride, n_valid, shape);
}

unsigned n_blocks(const AttentionDims& dims, std::int64_t heads) {
  return static_cast<unsigned>(ceil_div(dims.seq_len, kTile) * heads * dims.n_seqs);
}
std::size_t shared_bytes(const AttentionDims& dims, int n_rows_of_tiles, int n_scores) {
  const auto tile = static_cast<std::size_t>(kTile * (dims.d_head + 1));
  return sizeof(float) * (tile * n_rows_of_tiles + static_cast<std::size_t>(kScores * n_scores));
}

}  // namespace

template <class T>
void launch_attention_plain_forward(Tensor qkv, const AttentionDims& dims, Tensor out,
                                    Tensor log_sum_exp, cudaStream_t stream) {
  launch(attention_plain_forward_kernel<T>,
         LaunchShape{n_blocks(dims, dims.n_heads), kThreads, shared_bytes(dims, 4, 1)}, stream,
         static_cast<const T*>(qkv.data), static_cast<T*>(out.data), log_sum_exp.f32(),
         AttentionShape(dims));
}

template <class T>
void launch_attention_plain_backward(Tensor qkv, const AttentionDims& dims, Tensor out,
                                     Tensor log_sum_exp, Tensor dout, Tensor dqkv, void* workspace,
                                     cudaStream_t stream) {
  const AttentionShape shape(dims);
  const std::int64_t rounded = seq_len_rounded(dims);
  const auto* const rows = static_cast<const T*>(qkv.data);
  const auto* const gradient = static_cast<const T*>(dout.data);
  auto* const lse_delta = static_cast<float2*>(workspace);
  static_assert(kSeqLenMultiple % (kThreads / 32) == 0);
  const std::int64_t warps = dims.n_seqs * dims.n_heads * rounded;
  launch(attention_plain_delta_kernel<T>,
         LaunchShape{static_cast<unsigned>(warps / (kThreads / 32)), kThreads}, stream,
         static_cast<const T*>(out.data), log_sum_exp.f32(), gradient, lse_delta, shape,
         static_cast<int>(rounded));
  const std::size_t bytes = shared_bytes(dims, 6, 2);
  launch(attention_plain_dq_kernel<T>, LaunchShape{n_blocks(dims, dims.n_heads), kThreads, bytes},
         stream, rows, gradient, lse_delta, static_cast<T*>(dqkv.data), shape,
         static_cast<int>(rounded));
  launch(attention_plain_dk_dv_kernel<T>,
         LaunchShape{n_blocks(dims, dims.n_kv_heads), kThreads, bytes}, stream, rows, gradient,
         lse_delta, static_cast<T*>(dqkv.data), shape, static_cast<int>(rounded));
}

template void launch_attention_plain_forward<float>(Tensor, const AttentionDims&, Tensor, Tensor,
                                                    cudaStream_t);
template void launch_attention_plain_forward<__nv_bfloat16>(Tensor, const AttentionDims&, Tensor,
                                                            Tensor, cudaStream_t);
template void launch_attention_plain_backward<float>(Tensor, const AttentionDims&, Tensor, Tensor,
                                                     Tensor, Tensor, void*, cudaStream_t);
template void launch_attention_plain_backward<__nv_bfloat16>(Tensor, const AttentionDims&, Tensor,
                                                             Tensor, Tensor, Tensor, void*,
                                                             cudaStream_t);

}  // namespace isoflop
