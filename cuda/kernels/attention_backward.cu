// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention.h"
#include "kernels/attention_tile.cuh"

namespace isoflop {
namespace {

using namespace attention;

/// Rows of the other side that a block takes at a time.
template <int kCols>
constexpr int kStep = kCols <= 64 ? 64 : 32;

struct Eight {
  bf16 x[8];
};
__device__ __forceinline__ Eight load_eight(const bf16* from) {
  const uint4 bits = *reinterpret_cast<const uint4*>(from);
  Eight eight;
  std::memcpy(&eight, &bits, sizeof eight);
  return eight;
}

/// {log_sum_exp, delta} of a row and head. NaN where log_sum_exp is not finite: probabilities near
/// 0 would hide it. Two threads each, both get the result.
__device__ __forceinline__ float2 statistics_of(const bf16* out, const bf16* dout,
                                                const float* log_sum_exp, bool valid, int d_head) {
  float delta = 0, shift = 0;
  if (valid) {
    for (int c = 8 * static_cast<int>(threadIdx.x % 2); c < d_head; c += 16) {
      const Eight o = load_eight(out + c), d = load_eight(dout + c);
#pragma unroll
      for (int i = 0; i < 8; ++i)
        delta = fmaf(__bfloat162float(o.x[i]), __bfloat162float(d.x[i]), delta);
    }
    shift = *log_sum_exp * kLog2E + (*log_sum_exp - *log_sum_exp);
  }
  return {shift, delta + __shfl_xor_sync(kWholeWarp, delta, 1)};
}

/// One block: kBands 64 queries of one head, kBands 16 per warp. Writes their gradient, and their
/// statistics for the kernel below.
template <int kCols, int kBands, int kBlocks>
__global__ void __launch_bounds__(kThreads, kBlocks)
    attention_backward_queries_kernel(const bf16* qkv, const bf16* out, const float* log_sum_exp,
                                      const bf16* dout, bf16* dqkv, float2* all_statistics,
                                      AttentionShape shape, int tiles, int padded) {
  constexpr int kRows = 64 * kBands, kKeys = kStep<kCols>, kTile = kKeys * kCols;
  static_assert(2 * kRows * kCols <= 4 * kTile);
  // Keys of those whose scores are in registers at a time; 32 of them would spill others.
  constexpr int kPart = kBands == 2 && kCols == 64 ? 16 : 32;
  __shared__ float2 statistics[kRows];
  bf16* const buffers = dynamic_shared<bf16>();  // keys, values, keys, values
  const BlockPlace place(tiles, shape.n_heads);
  const int first = (tiles - 1 - place.tile) * kRows;  // most work first
  const int n_valid = shape.seq_len - first, group = shape.n_heads / shape.n_kv_heads;
  const std::int64_t row_of_seq = static_cast<std::int64_t>(place.seq) * shape.seq_len;
  const std::int64_t first_row = row_of_seq + first;
  const bf16* const keys =
      qkv + row_of_seq * shape.qkv_stride + (shape.n_heads + place.head / group) * shape.d_head;
  const std::int64_t query_offset = first_row * shape.qkv_stride + place.head * shape.d_head;
  const std::int64_t out_offset = first_row * shape.out_stride + place.head * shape.d_head;
  const auto fetch_keys = [&](int tile) {
    bf16* const buffer = buffers + tile % 2 * 2 * kTile;
    const std::int64_t offset = static_cast<std::int64_t>(tile) * kKeys * shape.qkv_stride;
    const int n = shape.seq_len - tile * kKeys;
    fetch_tile<kKeys, kCols>(buffer, keys + offset, shape.qkv_stride, n, shape.d_head);
    fetch_tile<kKeys, kCols>(buffer + kTile, keys + offset + shape.n_kv_heads * shape.d_head,
                             shape.qkv_stride, n, shape.d_head);
    commit_copies();
  };

  bf16* const staged_dout = buffers + kRows * kCols;
  fetch_tile<kRows, kCols>(buffers, qkv + query_offset, shape.qkv_stride, n_valid, shape.d_head);
  fetch_tile<kRows, kCols>(staged_dout, dout + out_offset, shape.out_stride, n_valid, shape.d_head);
  commit_copies();
#pragma unroll
  for (int row = static_cast<int>(threadIdx.x / 2); row < kRows; row += kThreads / 2) {
    const std::int64_t offset = out_offset + static_cast<std::int64_t>(row) * shape.out_stride;
    const float2 mine = statistics_of(out + offset, dout + offset,
                                      log_sum_exp + (first_row + row) * shape.n_heads + place.head,
                                      row < n_valid, shape.d_head);
    if (threadIdx.x % 2 == 0) {
      statistics[row] = mine;
      const std::int64_t head = std::int64_t{place.seq} * shape.n_heads + place.head;
      if (first + row < padded) all_statistics[head * padded + first + row] = mine;
    }
  }
  wait_for_copies<0>();
  __syncthreads();
  const int warp_row = static_cast<int>(threadIdx.x / 32) * 16 * kBands;
  const int lane = static_cast<int>(threadIdx.x % 32);
  std::uint32_t q[kCols / 16][kBands][4], d[kCols / 16][kBands][4];
  float2 of_rows[kBands][2];
#pragma unroll
  for (int band = 0; band < kBands; ++band) {
    const int band_row = warp_row + 16 * band;
#pragma unroll
    for (int k = 0; k < kCols / 16; ++k) {
      load_left<kCols>(q[k][band], buffers, band_row, k);
      load_left<kCols>(d[k][band], staged_dout, band_row, k);
    }
    of_rows[band][0] = statistics[band_row + lane / 4];
    of_rows[band][1] = statistics[band_row + lane / 4 + 8];
  }
  __syncthreads();

  float sums[kBands][kCols / 8][4] = {};
  const float to_log2 = shape.scale * kLog2E;
  const int n_seen = first + kRows < shape.seq_len ? first + kRows : shape.seq_len;
  const int n_key_tiles = (n_seen + kKeys - 1) / kKeys;
  fetch_keys(0);
  for (int tile = 0; tile < n_key_tiles; ++tile) {
    wait_for_copies<0>();
    __syncthreads();
    if (tile + 1 < n_key_tiles) fetch_keys(tile + 1);
    const bf16* const key_tile = buffers + tile % 2 * 2 * kTile;
#pragma unroll 1
    for (int part = 0; part < kKeys; part += kPart) {
      const int ahead = first + warp_row - tile * kKeys - part;  // of the first key
      if (ahead + 16 * kBands - 1 < 0) break;
      const bf16* const k_part = key_tile + part * kCols;
      float p[kBands][kPart / 8][4] = {}, ds[kBands][kPart / 8][4] = {};
#pragma unroll
      for (int k = 0; k < kCols / 16; ++k) {
        add_times_transposed<kCols>(p, q[k], k_part, k);
        add_times_transposed<kCols>(ds, d[k], k_part + kTile, k);
      }
      const bool all_visible = ahead >= kPart - 1;
      const int of_lane = ahead + lane / 4 - 2 * (lane % 4);
#pragma unroll
      for (int band = 0; band < kBands; ++band)
#pragma unroll
        for (int n = 0; n < kPart / 8; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float2 s = of_rows[band][i / 2];
            const float score = fmaf(p[band][n][i], to_log2, -s.x);
            const bool visible = all_visible || 8 * n + i % 2 <= of_lane + 16 * band + i / 2 * 8;
            ds[band][n][i] = visible ? exp2f(score) * (ds[band][n][i] - s.y) : 0.0f;
          }
#pragma unroll
      for (int k = 0; k < kPart / 16; ++k) {
        std::uint32_t left[kBands][4];
#pragma unroll
        for (int band = 0; band < kBands; ++band) round_to_left(left[band], ds[band], k);
        add_times<kCols>(sums, left, k_part, k);
      }
    }
  }

  __syncthreads();
#pragma unroll
  for (int band = 0; band < kBands; ++band) {
    const int band_row = warp_row + 16 * band;
    round_into_tile<kCols>(buffers, band_row, sums[band], shape.scale, shape.scale);
    __syncwarp();
    store_rows<kCols>(buffers, band_row, dqkv + query_offset, shape.qkv_stride, n_valid,
                      shape.d_head);
  }
}

/// One block: kBands 64 keys and values of one key/value head, kBands 16 per warp, against all
/// queries of its group that see them. Works on transposed scores, so that they are left factors as
/// they come.
template <int kCols, int kBands, int kBlocks>
__global__ void __launch_bounds__(kThreads, kBlocks)
    attention_backward_keys_kernel(const bf16* qkv, const bf16* dout, const float2* all_statistics,
                                   bf16* dqkv, AttentionShape shape, int tiles, int padded) {
  constexpr int kRows = 64 * kBands, kQueries = kStep<kCols>, kTile = kQueries * kCols;
  constexpr int kPart = 32;  // queries of those whose scores are in registers at a time
  bf16* const keys = dynamic_shared<bf16>();
  bf16* const values = keys + kRows * kCols;
  bf16* const buffers = values + kRows * kCols;  // queries, dout, queries, dout
  auto* const statistics = reinterpret_cast<float2*>(buffers + 4 * kTile);
  const BlockPlace place(tiles, shape.n_kv_heads);
  const int first = place.tile * kRows, n_valid = shape.seq_len - first;
  const int group = shape.n_heads / shape.n_kv_heads;
  const std::int64_t row_of_seq = static_cast<std::int64_t>(place.seq) * shape.seq_len;
  const std::int64_t key_offset =
      (row_of_seq + first) * shape.qkv_stride + (shape.n_heads + place.head) * shape.d_head;
  const std::int64_t value_offset = key_offset + shape.n_kv_heads * shape.d_head;
  const auto fetch_queries = [&](int buffer_index, int head, int query) {
    bf16* const buffer = buffers + buffer_index * 2 * kTile;
    const std::int64_t row = row_of_seq + query;
    const int n = shape.seq_len - query;
    fetch_tile<kQueries, kCols>(buffer, qkv + row * shape.qkv_stride + head * shape.d_head,
                                shape.qkv_stride, n, shape.d_head);
    fetch_tile<kQueries, kCols>(buffer + kTile, dout + row * shape.out_stride + head * shape.d_head,
                                shape.out_stride, n, shape.d_head);
    const int pair = 2 * static_cast<int>(threadIdx.x);
    if (pair < kQueries)
      copy_async(statistics + buffer_index * kQueries + pair,
                 all_statistics +
                     static_cast<std::int64_t>(place.seq * shape.n_heads + head) * padded + query +
                     pair);
    commit_copies();
  };

  fetch_tile<kRows, kCols>(keys, qkv + key_offset, shape.qkv_stride, n_valid, shape.d_head);
  fetch_tile<kRows, kCols>(values, qkv + value_offset, shape.qkv_stride, n_valid, shape.d_head);
  const int last_head = (place.head + 1) * group - 1;
  int head = place.head * group, query_of_step = first;
  fetch_queries(0, head, first);
  const int warp_row = static_cast<int>(threadIdx.x / 32) * 16 * kBands;
  const int lane = static_cast<int>(threadIdx.x % 32);

  float dk[kBands][kCols / 8][4] = {}, dv[kBands][kCols / 8][4] = {};
  const float to_log2 = shape.scale * kLog2E;
  for (int buffer = 0; head <= last_head; buffer ^= 1) {
    wait_for_copies<0>();
    __syncthreads();
    const int first_query = query_of_step;
    query_of_step += kQueries;
    if (query_of_step >= shape.seq_len) {
      query_of_step = first;
      ++head;
    }
    if (head <= last_head) fetch_queries(buffer ^ 1, head, query_of_step);
    const bf16* const query_tile = buffers + buffer * 2 * kTile;
    const float2* const of_queries = statistics + buffer * kQueries;
#pragma unroll 1
    for (int part = 0; part < kQueries; part += kPart) {
      const int ahead = first_query + part - first - warp_row;  // of the first key
      if (ahead + kPart - 1 < 0) continue;
      const bf16* const q = query_tile + part * kCols;
      const bf16* const d = q + kTile;
      float p[kBands][kPart / 8][4] = {}, ds[kBands][kPart / 8][4] = {};
#pragma unroll
      for (int k = 0; k < kCols / 16; ++k) {
        std::uint32_t key[kBands][4], value[kBands][4];
#pragma unroll
        for (int band = 0; band < kBands; ++band) {
          load_left<kCols>(key[band], keys, warp_row + 16 * band, k);
          load_left<kCols>(value[band], values, warp_row + 16 * band, k);
        }
        add_times_transposed<kCols>(p, key, q, k);
        add_times_transposed<kCols>(ds, value, d, k);
      }
      const bool all_visible = ahead >= 16 * kBands - 1;
      const int of_lane = ahead + 2 * (lane % 4) - lane / 4;
#pragma unroll
      for (int n = 0; n < kPart / 8; ++n) {
        const int column = 8 * n + 2 * (lane % 4);
        const float4 pair = *reinterpret_cast<const float4*>(of_queries + part + column);
#pragma unroll
        for (int i = 0; i < 4 * kBands; ++i) {
          const float shift = i % 2 == 0 ? pair.x : pair.z, delta = i % 2 == 0 ? pair.y : pair.w;
          const bool visible = all_visible || i / 2 * 8 <= of_lane + 8 * n + i % 2;
          float &probability = p[i / 4][n][i % 4], &gradient = ds[i / 4][n][i % 4];
          probability = visible ? exp2f(fmaf(probability, to_log2, -shift)) : 0.0f;
          gradient = visible ? probability * (gradient - delta) : 0.0f;
        }
      }
#pragma unroll
      for (int k = 0; k < kPart / 16; ++k) {
        std::uint32_t left[kBands][4];
#pragma unroll
        for (int band = 0; band < kBands; ++band) round_to_left(left[band], p[band], k);
        add_times<kCols>(dv, left, d, k);
#pragma unroll
        for (int band = 0; band < kBands; ++band) round_to_left(left[band], ds[band], k);
        add_times<kCols>(dk, left, q, k);
      }
    }
  }

  // Only this warp reads these rows of the tiles.
#pragma unroll
  for (int band = 0; band < kBands; ++band) {
    const int row = warp_row + 16 * band;
    round_into_tile<kCols>(keys, row, dk[band], shape.scale, shape.scale);
    round_into_tile<kCols>(values, row, dv[band], 1.0f, 1.0f);
    __syncwarp();
    store_rows<kCols>(keys, row, dqkv + key_offset, shape.qkv_stride, n_valid, shape.d_head);
    store_rows<kCols>(values, row, dqkv + value_offset, shape.qkv_stride, n_valid, shape.d_head);
  }
}

struct Backward {
  const bf16 *qkv, *out;
  const float* log_sum_exp;
  const bf16* dout;
  bf16* dqkv;
  float2* statistics;
};

template <int kCols, int kBands, int kQueryBlocks, int kKeyBlocks>
void launch_columns(const Backward& b, const AttentionDims& dims, cudaStream_t stream) {
  constexpr std::int64_t kRows = 64 * kBands;
  constexpr std::size_t kStepBytes = 4 * kStep<kCols> * kCols * sizeof(bf16);
  constexpr std::size_t kKeyBytes =
      2 * kRows * kCols * sizeof(bf16) + kStepBytes + 2 * kStep<kCols> * sizeof(float2);
  const AttentionShape shape(dims);
  const std::int64_t tiles = n_tiles(dims.seq_len, kRows);
  const auto padded = static_cast<int>(n_tiles(dims.seq_len, kStatisticsTile) * kStatisticsTile);
  const auto blocks = [&](std::int64_t heads) {
    return static_cast<unsigned>(tiles * heads * dims.n_seqs);
  };
  launch(attention_backward_queries_kernel<kCols, kBands, kQueryBlocks>,
         LaunchShape{blocks(dims.n_heads), kThreads, kStepBytes}, stream, b.qkv, b.out,
         b.log_sum_exp, b.dout, b.dqkv, b.statistics, shape, static_cast<int>(tiles), padded);
  launch(attention_backward_keys_kernel<kCols, kBands, kKeyBlocks>,
         LaunchShape{blocks(dims.n_kv_heads), kThreads, kKeyBytes}, stream, b.qkv, b.dout,
         b.statistics, b.dqkv, shape, static_cast<int>(tiles), padded);
}

}  // namespace

std::int64_t attention_backward_workspace_bytes(const AttentionDims& dims) {
  const std::int64_t padded = n_tiles(dims.seq_len, kStatisticsTile) * kStatisticsTile;
  return dims.n_seqs * dims.n_heads * padded * static_cast<std::int64_t>(sizeof(float2));
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
  // With two bands every matrix that is read from shared memory is used twice; beyond 64 columns
  // that spills registers.
  if (dims.d_head <= 32)
    launch_columns<32, 2, 3, 2>(b, dims, stream);
  else if (dims.d_head <= 64)
    launch_columns<64, 2, 2, 2>(b, dims, stream);
  else if (dims.d_head <= 96)
    launch_columns<96, 1, 2, 2>(b, dims, stream);
  else
    launch_columns<128, 1, 2, 2>(b, dims, stream);
}

}  // namespace isoflop
