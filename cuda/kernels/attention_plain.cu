// SPDX-License-Identifier: Apache-2.0
#include "device/device.cuh"
#include "kernels/attention_plain.h"
#include "kernels/attention_shape.h"

namespace isoflop {
namespace {

constexpr int kTile = 32, kThreads = 256;
// Rows are an element longer than what they hold: with an even number of columns, the elements of a
// column lie in different banks.
constexpr int kScores = kTile * (kTile + 1);
__device__ __forceinline__ int stride_of(const AttentionShape& shape) { return shape.d_head + 1; }

__device__ __forceinline__ float lift(float x) { return x; }
__device__ __forceinline__ float lift(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ __forceinline__ void store(float x, float* to) { *to = x; }
__device__ __forceinline__ void store(float x, __nv_bfloat16* to) { *to = __float2bfloat16_rn(x); }

/// body(row, column) of a tile [kTile, n_cols], each by one thread, always the same.
template <class Body>
__device__ __forceinline__ void for_each(int n_cols, Body&& body) {
  for (int i = static_cast<int>(threadIdx.x); i < kTile * n_cols; i += kThreads)
    body(i / n_cols, i % n_cols);
}

/// Rows below n_valid of one head, lifted; zeros after them.
template <class T>
__device__ __forceinline__ void load_tile(float* tile, const T* rows, std::int64_t stride,
                                          int n_valid, const AttentionShape& shape) {
  for_each(shape.d_head, [&](int row, int col) {
    tile[row * stride_of(shape) + col] = row < n_valid ? lift(rows[row * stride + col]) : 0.0f;
  });
}
template <class T>
__device__ __forceinline__ void store_tile(const float* tile, float factor, T* rows,
                                           std::int64_t stride, int n_valid,
                                           const AttentionShape& shape) {
  for_each(shape.d_head, [&](int row, int col) {
    if (row < n_valid)
      store(tile[row * stride_of(shape) + col] * factor, rows + row * stride + col);
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

/// sums += weights tile, weights [kTile, kTile] (i, j) at weights[i step_i + j step_j].
__device__ __forceinline__ void add_times(float* sums, const float* weights, int step_i, int step_j,
                                          const float* tile, const AttentionShape& shape) {
  const int stride = stride_of(shape);
  for_each(shape.d_head, [&](int row, int col) {
    float sum = sums[row * stride + col];
    for (int j = 0; j < kTile; ++j)
      sum = fmaf(weights[row * step_i + j * step_j], tile[j * stride + col], sum);
    sums[row * stride + col] = sum;
  });
}

__device__ __forceinline__ float largest_of_warp(float x) {
  for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(kWholeWarp, x, step));
  return x;
}
__device__ __forceinline__ float sum_of_warp(float x) {
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(kWholeWarp, x, step);
  return x;
}

/// Tile, head and sequence of this block, and where they lie.
struct Place {
  int first, head;
  std::int64_t row_of_seq;

  __device__ Place(const AttentionShape& shape, int n_heads) : first(0), head(0), row_of_seq(0) {
    const int tiles = (shape.seq_len + kTile - 1) / kTile, block = static_cast<int>(blockIdx.x);
    first = block % tiles * kTile;
    head = block / tiles % n_heads;
    row_of_seq = static_cast<std::int64_t>(block / tiles / n_heads) * shape.seq_len;
  }
};

/// Column of the keys of key/value head `head` in a row of qkv; n_kv_heads d_head more: its values.
__device__ __forceinline__ int key_column(const AttentionShape& shape, int head) {
  return (shape.n_heads + head) * shape.d_head;
}

/// One step of the softmax of a row over a tile of keys, lane j having that of key j: the score
/// becomes exp(score - largest so far).
struct RowSoftmax {
  float largest = -INFINITY, sum = 0;

  /// Returns the factor by which sums of before shrink.
  __device__ float take(float& score, bool visible) {
    // Not finite: the sum becomes NaN, as a score of -inf would leave no other trace.
    const float trace = visible ? 0.0f * score : 0.0f;
    if (!visible) score = -INFINITY;
    const float most = fmaxf(largest, largest_of_warp(score));
    const float correction = expf(largest - most);
    score = expf(score - most);
    sum = sum * correction + sum_of_warp(score + trace);
    largest = most;
    return correction;
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads, 2)
    attention_plain_forward_kernel(const T* qkv, T* out, float* log_sum_exp, AttentionShape shape) {
  const Place place(shape, shape.n_heads);
  const int stride = stride_of(shape), tile_size = kTile * stride;
  const int n_valid = shape.seq_len - place.first;
  float* const q = dynamic_shared<float>();
  float* const k = q + tile_size;
  float* const v = k + tile_size;
  float* const sums = v + tile_size;
  float* const scores = sums + tile_size;
  const int warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
  const T* const seq = qkv + place.row_of_seq * shape.qkv_stride;
  const T* const keys = seq + key_column(shape, place.head / (shape.n_heads / shape.n_kv_heads));

  load_tile(q, seq + place.first * std::int64_t{shape.qkv_stride} + place.head * shape.d_head,
            shape.qkv_stride, n_valid, shape);
  zero_tile(sums, shape);
  constexpr int kRowsOfWarp = kTile / (kThreads / 32);
  RowSoftmax softmax[kRowsOfWarp];
  for (int key = 0; key <= place.first; key += kTile) {
    const T* const rows = keys + key * std::int64_t{shape.qkv_stride};
    __syncthreads();
    load_tile(k, rows, shape.qkv_stride, shape.seq_len - key, shape);
    load_tile(v, rows + shape.n_kv_heads * shape.d_head, shape.qkv_stride, shape.seq_len - key,
              shape);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kRowsOfWarp; ++i) {
      const int row = warp * kRowsOfWarp + i;
      float score = shape.scale * dot(q + row * stride, k + lane * stride, shape.d_head);
      const float correction = softmax[i].take(score, key + lane <= place.first + row);
      scores[row * (kTile + 1) + lane] = score;
      for (int col = lane; col < shape.d_head; col += 32) sums[row * stride + col] *= correction;
    }
    __syncthreads();
    add_times(sums, scores, kTile + 1, 1, v, shape);
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kRowsOfWarp; ++i) {
    const int row = warp * kRowsOfWarp + i;
    const std::int64_t to = place.row_of_seq + place.first + row;
    if (row >= n_valid) continue;
    for (int col = lane; col < shape.d_head; col += 32)
      store(sums[row * stride + col] / softmax[i].sum,
            out + to * shape.out_stride + place.head * shape.d_head + col);
    if (lane == 0)
      log_sum_exp[to * shape.n_heads + place.head] = softmax[i].largest + logf(softmax[i].sum);
  }
}

/// {log_sum_exp, delta} of every row and head: statistics [n_seqs, H, padded rows]. NaN where
/// log_sum_exp is not finite: probabilities near 0 would hide it. One warp per row.
template <class T>
__global__ void __launch_bounds__(kThreads, 2)
    attention_plain_delta_kernel(const T* out, const float* log_sum_exp, const T* dout,
                                 float2* statistics, AttentionShape shape, int padded) {
  const std::int64_t at =
      (static_cast<std::int64_t>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x)) / 32;
  const int position = static_cast<int>(at % padded);
  const int head = static_cast<int>(at / padded % shape.n_heads);
  const std::int64_t row = at / padded / shape.n_heads * shape.seq_len + position;
  const std::int64_t first = row * shape.out_stride + head * shape.d_head;
  float delta = 0, shift = 0;
  if (position < shape.seq_len) {
    for (int col = static_cast<int>(threadIdx.x % 32); col < shape.d_head; col += 32)
      delta = fmaf(lift(out[first + col]), lift(dout[first + col]), delta);
    shift = log_sum_exp[row * shape.n_heads + head];
    shift += shift - shift;
  }
  delta = sum_of_warp(delta);
  if (threadIdx.x % 32 == 0) statistics[at] = {shift, delta};
}

/// p [kTile, kTile] and ds = p (dout v^T - delta) of queries from row `query` on and keys from
/// `key` on.
__device__ __forceinline__ void score_gradients(const float* q, const float* dout, const float* k,
                                                const float* v, const float2* statistics, int query,
                                                int key, const AttentionShape& shape, float* p,
                                                float* ds) {
  const int stride = stride_of(shape);
  for_each(kTile, [&](int i, int j) {
    float probability = 0, gradient = 0;
    if (key + j <= query + i && query + i < shape.seq_len) {
      const float2 row = statistics[query + i];
      probability = expf(shape.scale * dot(q + i * stride, k + j * stride, shape.d_head) - row.x);
      gradient = probability * (dot(dout + i * stride, v + j * stride, shape.d_head) - row.y);
    }
    p[i * (kTile + 1) + j] = probability;
    ds[i * (kTile + 1) + j] = gradient;
  });
}

/// The parts of shared memory in the backward pass.
struct BackwardTiles {
  float *q, *dout, *k, *v, *sums, *more_sums, *p, *ds;

  __device__ explicit BackwardTiles(const AttentionShape& shape) {
    const int size = kTile * stride_of(shape);
    q = dynamic_shared<float>();
    dout = q + size;
    k = dout + size;
    v = k + size;
    sums = v + size;
    more_sums = sums + size;
    p = more_sums + size;
    ds = p + kScores;
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads, 2)
    attention_plain_queries_kernel(const T* qkv, const T* dout, const float2* statistics, T* dqkv,
                                   AttentionShape shape, int padded) {
  const BackwardTiles tiles(shape);
  const Place place(shape, shape.n_heads);
  const std::int64_t stride = shape.qkv_stride, first_row = place.row_of_seq + place.first;
  const int n_valid = shape.seq_len - place.first;
  const T* const keys = qkv + place.row_of_seq * stride +
                        key_column(shape, place.head / (shape.n_heads / shape.n_kv_heads));
  const std::int64_t queries = first_row * stride + place.head * shape.d_head;
  const float2* const of_head =
      statistics + (place.row_of_seq / shape.seq_len * shape.n_heads + place.head) * padded;
  load_tile(tiles.q, qkv + queries, stride, n_valid, shape);
  load_tile(tiles.dout, dout + first_row * shape.out_stride + place.head * shape.d_head,
            shape.out_stride, n_valid, shape);
  zero_tile(tiles.sums, shape);
  for (int key = 0; key <= place.first; key += kTile) {
    __syncthreads();
    load_tile(tiles.k, keys + key * stride, stride, shape.seq_len - key, shape);
    load_tile(tiles.v, keys + key * stride + shape.n_kv_heads * shape.d_head, stride,
              shape.seq_len - key, shape);
    __syncthreads();
    score_gradients(tiles.q, tiles.dout, tiles.k, tiles.v, of_head, place.first, key, shape,
                    tiles.p, tiles.ds);
    __syncthreads();
    add_times(tiles.sums, tiles.ds, kTile + 1, 1, tiles.k, shape);
  }
  store_tile(tiles.sums, shape.scale, dqkv + queries, stride, n_valid, shape);
}

template <class T>
__global__ void __launch_bounds__(kThreads, 2)
    attention_plain_keys_kernel(const T* qkv, const T* dout, const float2* statistics, T* dqkv,
                                AttentionShape shape, int padded) {
  const BackwardTiles tiles(shape);
  const Place place(shape, shape.n_kv_heads);
  const std::int64_t stride = shape.qkv_stride;
  const int n_valid = shape.seq_len - place.first, group = shape.n_heads / shape.n_kv_heads;
  const std::int64_t keys =
      (place.row_of_seq + place.first) * stride + key_column(shape, place.head);
  const std::int64_t values = keys + shape.n_kv_heads * shape.d_head;
  load_tile(tiles.k, qkv + keys, stride, n_valid, shape);
  load_tile(tiles.v, qkv + values, stride, n_valid, shape);
  zero_tile(tiles.sums, shape);
  zero_tile(tiles.more_sums, shape);
  for (int head = place.head * group; head < (place.head + 1) * group; ++head) {
    const float2* const of_head =
        statistics + (place.row_of_seq / shape.seq_len * shape.n_heads + head) * padded;
    for (int query = place.first; query < shape.seq_len; query += kTile) {
      const std::int64_t row = place.row_of_seq + query;
      __syncthreads();
      load_tile(tiles.q, qkv + row * stride + head * shape.d_head, stride, shape.seq_len - query,
                shape);
      load_tile(tiles.dout, dout + row * shape.out_stride + head * shape.d_head, shape.out_stride,
                shape.seq_len - query, shape);
      __syncthreads();
      score_gradients(tiles.q, tiles.dout, tiles.k, tiles.v, of_head, query, place.first, shape,
                      tiles.p, tiles.ds);
      __syncthreads();
      add_times(tiles.sums, tiles.ds, 1, kTile + 1, tiles.q, shape);
      add_times(tiles.more_sums, tiles.p, 1, kTile + 1, tiles.dout, shape);
    }
  }
  store_tile(tiles.sums, shape.scale, dqkv + keys, stride, n_valid, shape);
  store_tile(tiles.more_sums, 1.0f, dqkv + values, stride, n_valid, shape);
}

unsigned n_blocks(const AttentionDims& dims, std::int64_t heads) {
  return static_cast<unsigned>(n_tiles(dims.seq_len, kTile) * heads * dims.n_seqs);
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
  const std::int64_t padded = n_tiles(dims.seq_len, kStatisticsTile) * kStatisticsTile;
  const auto* const rows = static_cast<const T*>(qkv.data);
  const auto* const gradient = static_cast<const T*>(dout.data);
  auto* const statistics = static_cast<float2*>(workspace);
  static_assert(kStatisticsTile % (kThreads / 32) == 0);
  const std::int64_t warps = dims.n_seqs * dims.n_heads * padded;
  launch(attention_plain_delta_kernel<T>,
         LaunchShape{static_cast<unsigned>(warps / (kThreads / 32)), kThreads}, stream,
         static_cast<const T*>(out.data), log_sum_exp.f32(), gradient, statistics, shape,
         static_cast<int>(padded));
  const std::size_t bytes = shared_bytes(dims, 6, 2);
  launch(attention_plain_queries_kernel<T>,
         LaunchShape{n_blocks(dims, dims.n_heads), kThreads, bytes}, stream, rows, gradient,
         statistics, static_cast<T*>(dqkv.data), shape, static_cast<int>(padded));
  launch(attention_plain_keys_kernel<T>,
         LaunchShape{n_blocks(dims, dims.n_kv_heads), kThreads, bytes}, stream, rows, gradient,
         statistics, static_cast<T*>(dqkv.data), shape, static_cast<int>(padded));
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
