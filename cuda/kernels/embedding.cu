// SPDX-License-Identifier: Apache-2.0
#include "kernels/embedding.h"
#include "kernels/launch_shape.cuh"
#include "kernels/reduce.cuh"
#include "kernels/token_sort.h"

namespace isoflop {
namespace {

template <class T, int kWidth>
__global__ void __launch_bounds__(256)
    embedding_forward_kernel(std::int64_t n_rows, std::int64_t n_cols, const std::int32_t* tokens,
                             const T* w, std::int64_t first_token, std::int64_t n_tokens, T* x) {
  const auto [row, unit] = unit_of_thread();
  const std::int64_t col = std::int64_t{unit} * kWidth;
  if (row >= n_rows || col >= n_cols) return;
  const std::int64_t token = tokens[row] - first_token;
  Pack<T, kWidth> pack{};
  if (token >= 0 && token < n_tokens) pack = load<kWidth>(w + token * n_cols + col);
  store(x + row * n_cols + col, pack);
}

// dw: a segmented reduction of dx, sorted by token. Each warp reduces a chunk of equal length,
// whatever runs (segments) are in it; a second kernel adds up the partial sums of runs that cross
// chunks.
constexpr int kChunk = 64;  // sorted rows that a warp adds up
constexpr int kAhead = 8;   // rows that it loads at a time
constexpr int kWarps = 8;

/// Partial sums of runs of one token that a chunk shares with others: [n_chunks, 2, stride], of the
/// run that began in an earlier chunk, and of the run that begins in this one and goes on.
struct Partials {
  float* sums;
  std::int64_t stride;
  __device__ float* continued(std::int64_t chunk) const { return sums + 2 * chunk * stride; }
  __device__ float* begun(std::int64_t chunk) const { return continued(chunk) + stride; }
};

/// A warp's columns of a chunk; runs that are whole go to dw, the others to `partials`.
template <class T, int kWidth>
__global__ void __launch_bounds__(32 * kWarps)
    sum_chunks_kernel(std::int64_t n_rows, std::int64_t n_cols, std::uint32_t n_tokens,
                      SortedTokens sorted, const T* dx, float* dw, Partials partials) {
  const std::int64_t chunk = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
  const std::int64_t col = (std::int64_t{blockIdx.y} * 32 + threadIdx.x % 32) * kWidth;
  const std::int64_t begin = chunk * kChunk,
                     end = begin + kChunk < n_rows ? begin + kChunk : n_rows;
  if (begin >= n_rows || col >= n_cols) return;

  std::uint32_t run = sorted.key[begin];
  bool begins_here = begin == 0 || sorted.key[begin - 1] != run;
  Pack<float, kWidth> sum{};
  const auto finish = [&](bool ends_here) {
    if (begins_here && ends_here) {
      float* to = dw + run * n_cols + col;
      auto total = load<kWidth>(to);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) total.values[i] += sum.values[i];
      store(to, total);
    } else {
      store((begins_here ? partials.begun(chunk) : partials.continued(chunk)) + col, sum);
    }
  };
  for (std::int64_t first = begin; first < end && run < n_tokens; first += kAhead) {
    std::uint32_t key[kAhead];
    Pack<T, kWidth> row[kAhead];
#pragma unroll
    for (int j = 0; j < kAhead; ++j) {
      key[j] = first + j < end ? sorted.key[first + j] : n_tokens;
      if (key[j] < n_tokens)
        row[j] = load<kWidth>(dx + std::int64_t{sorted.row[first + j]} * n_cols + col);
    }
#pragma unroll
    for (int j = 0; j < kAhead; ++j) {
      if (first + j >= end || run == n_tokens) continue;
      if (key[j] != run) {
        finish(true);
        run = key[j];
        begins_here = true;
        sum = {};
      }
      if (run == n_tokens) continue;
#pragma unroll
      for (int i = 0; i < kWidth; ++i) sum.values[i] += upcast(row[j].values[i]);
    }
  }
  if (run < n_tokens) finish(end == n_rows || sorted.key[end] != run);
}

/// dw += the sum of a run that goes on beyond the chunk in which it begins; one block for each
/// chunk and 128 columns, which most leave at once.
__global__ void __launch_bounds__(32 * kWarps)
    join_chunks_kernel(std::int64_t n_rows, std::int64_t n_cols, std::uint32_t n_tokens,
                       const std::uint32_t* key, Partials partials, float* dw) {
  const std::int64_t chunk = blockIdx.x, begin = chunk * kChunk, end = begin + kChunk;
  if (end >= n_rows) return;
  const std::uint32_t run = key[end - 1];
  if (run >= n_tokens || key[end] != run || (begin > 0 && key[begin - 1] == run)) return;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  std::int64_t n_more = 0;  // later chunks that hold some of it
  for (int n = 32; n == 32; n_more += n) {
    const std::int64_t first = (chunk + 1 + n_more + lane) * kChunk;
    n = reduce_sum<32>(first < n_rows && key[first] == run ? 1 : 0);
  }
  const std::int64_t col = std::int64_t{blockIdx.y} * 128 + lane * 4;
  const bool is_col = col < n_cols;
  const auto more = column_sums<kWarps>(partials.continued(chunk + 1) + (is_col ? col : 0),
                                        is_col ? n_more : 0, 2 * partials.stride);
  if (threadIdx.x >= 32) return;
  for (int i = 0; i < 4; ++i)
    if (col + i < n_cols)
      dw[run * n_cols + col + i] += partials.begun(chunk)[col + i] + more.values[i];
}

[[nodiscard]] std::int64_t sort_bytes(std::int64_t n_rows) {
  return round_up(token_sort_workspace_bytes(n_rows), 128);
}
[[nodiscard]] std::int64_t stride_of(std::int64_t n_cols) { return round_up(n_cols, 8); }

}  // namespace

std::int64_t embedding_workspace_bytes(std::int64_t n_rows, std::int64_t n_cols) {
  const std::int64_t n_sums = 2 * ceil_div(n_rows, kChunk) * stride_of(n_cols);
  return sort_bytes(n_rows) + n_sums * 4;
}

template <class T>
void launch_embedding_forward(Tensor tokens, Tensor w, std::int64_t first_token, Tensor x,
                              cudaStream_t stream) {
  visit_width<T>(rows_are_vectorizable<T>(x.cols, w.data, x.data), [&](auto width) {
    launch(embedding_forward_kernel<T, width()>, thread_per_unit(x.rows, x.cols / width()), stream,
           x.rows, x.cols, data_of<std::int32_t>(tokens), data_of<T>(w), first_token, w.rows,
           data_of<T>(x));
  });
}

template <class T>
void launch_embedding_backward(Tensor tokens, Tensor dx, std::int64_t first_token, Tensor dw,
                               void* workspace, cudaStream_t stream) {
  if (dx.rows == 0 || dw.rows == 0) return;
  const SortedTokens sorted = launch_token_sort(data_of<std::int32_t>(tokens), dx.rows, first_token,
                                                dw.rows, workspace, stream);
  auto* sums = static_cast<std::byte*>(workspace) + sort_bytes(dx.rows);
  const Partials partials{reinterpret_cast<float*>(sums), stride_of(dx.cols)};
  const std::int64_t n_chunks = ceil_div(dx.rows, kChunk);
  const auto n_tokens = static_cast<std::uint32_t>(dw.rows);
  const auto grid = [](std::int64_t x, std::int64_t y) {
    return LaunchShape{dim3(static_cast<unsigned>(x), static_cast<unsigned>(y)), dim3(32 * kWarps)};
  };
  visit_width<T>(rows_are_vectorizable<T>(dx.cols, dx.data, dw.data), [&](auto width) {
    launch(sum_chunks_kernel<T, width()>,
           grid(ceil_div(n_chunks, kWarps), ceil_div(dx.cols, 32 * width())), stream, dx.rows,
           dx.cols, n_tokens, sorted, data_of<T>(dx), dw.f32(), partials);
  });
  launch(join_chunks_kernel, grid(n_chunks, ceil_div(dx.cols, 128)), stream, dx.rows, dx.cols,
         n_tokens, sorted.key, partials, dw.f32());
}

template void launch_embedding_forward<float>(Tensor, Tensor, std::int64_t, Tensor, cudaStream_t);
template void launch_embedding_forward<__nv_bfloat16>(Tensor, Tensor, std::int64_t, Tensor,
                                                      cudaStream_t);
template void launch_embedding_backward<float>(Tensor, Tensor, std::int64_t, Tensor, void*,
                                               cudaStream_t);
template void launch_embedding_backward<__nv_bfloat16>(Tensor, Tensor, std::int64_t, Tensor, void*,
                                                       cudaStream_t);

}  // namespace isoflop
