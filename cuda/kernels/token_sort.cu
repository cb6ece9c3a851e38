// SPDX-License-Identifier: Apache-2.0
// A stable LSD radix sort: for each digit a histogram of every block, an exclusive prefix sum over
// all of them, and a scatter in which a row goes to its digit's offset plus its rank in the block.
#include <bit>

#include "kernels/launch_shape.cuh"
#include "kernels/token_sort.h"

namespace isoflop {
namespace {

constexpr int kMaxDigitBits = 9, kMaxBins = 1 << kMaxDigitBits;
constexpr int kWarps = 8, kThreads = 32 * kWarps;
constexpr int kWarpRows = 256, kBlockRows = kWarps * kWarpRows;

__global__ void __launch_bounds__(256)
    keys_kernel(std::int64_t n_rows, const std::int32_t* tokens, std::int64_t first_token,
                std::int64_t n_tokens, std::uint32_t* key, std::uint32_t* row) {
  const std::int64_t i = std::int64_t{blockIdx.x} * 256 + threadIdx.x;
  if (i >= n_rows) return;
  const std::int64_t token = tokens[i] - first_token;
  key[i] = static_cast<std::uint32_t>(token >= 0 && token < n_tokens ? token : n_tokens);
  row[i] = static_cast<std::uint32_t>(i);
}

/// One digit of keys.
struct Digit {
  int shift, n_bins;
  __device__ unsigned of(std::uint32_t key) const {
    return (key >> shift) & static_cast<unsigned>(n_bins - 1);
  }
};

/// For every digit that occurs in the warp: lanes with it in front of this one, and in all.
struct WarpRank {
  int rank = 0, count = 0;
};
__device__ __forceinline__ WarpRank rank_in_warp(unsigned digit) {
  const int mine = static_cast<int>(threadIdx.x) % 32;
  WarpRank in_warp;
#pragma unroll
  for (int lane = 0; lane < 32; ++lane) {
    const bool same = __shfl_sync(kWholeWarp, digit, lane) == digit;
    in_warp.count += same ? 1 : 0;
    in_warp.rank += same && lane < mine ? 1 : 0;
  }
  return in_warp;
}

/// visit(i, digit, in_warp) for the warp's rows, 32 at a time, in order; every digit's last lane
/// then adds their number to counts[digit]. Behind the end of the rows digits are kMaxBins.
template <class Visit>
__device__ __forceinline__ void count_digits(std::int64_t n_rows, const std::uint32_t* key,
                                             Digit digit, int* counts, Visit visit) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t first = std::int64_t{blockIdx.x} * kBlockRows + warp * kWarpRows;
  for (std::int64_t i = first + lane; i - lane < n_rows && i < first + kWarpRows; i += 32) {
    const bool is_row = i < n_rows;
    const unsigned mine = is_row ? digit.of(key[i]) : kMaxBins;
    const WarpRank in_warp = rank_in_warp(mine);
    if (is_row) visit(i, mine, in_warp);
    __syncwarp();
    if (is_row && in_warp.rank == in_warp.count - 1) counts[mine] += in_warp.count;
    __syncwarp();
  }
}

__device__ __forceinline__ void count_digits(std::int64_t n_rows, const std::uint32_t* key,
                                             Digit digit, int (&counts)[kWarps][kMaxBins]) {
  for (int i = static_cast<int>(threadIdx.x); i < kWarps * kMaxBins; i += kThreads)
    counts[i / kMaxBins][i % kMaxBins] = 0;
  __syncthreads();
  count_digits(n_rows, key, digit, counts[threadIdx.x / 32], [](auto, auto, auto) {});
  __syncthreads();
}

/// histogram [n_bins, blocks]: how often each digit occurs in each block's rows.
__global__ void __launch_bounds__(kThreads)
    histogram_kernel(std::int64_t n_rows, const std::uint32_t* key, Digit digit, int* histogram) {
  __shared__ int counts[kWarps][kMaxBins];
  count_digits(n_rows, key, digit, counts);
  for (int bin = static_cast<int>(threadIdx.x); bin < digit.n_bins; bin += kThreads) {
    int count = 0;
    for (int w = 0; w < kWarps; ++w) count += counts[w][bin];
    histogram[std::int64_t{bin} * gridDim.x + blockIdx.x] = count;
  }
}

constexpr int kScanThreads = 1024;

/// Exclusive prefix sum: x[i] becomes the sum of the elements in front of it. One block.
__global__ void __launch_bounds__(kScanThreads) scan_kernel(std::int64_t n, int* x) {
  __shared__ int warp_sums[kScanThreads / 32];
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const std::int64_t begin = n * thread / kScanThreads, end = n * (thread + 1) / kScanThreads;
  int own = 0;
#pragma unroll 8
  for (std::int64_t i = begin; i < end; ++i) own += x[i];
  int sum = own;  // of the warp's lanes up to this one
  for (int distance = 1; distance < 32; distance *= 2) {
    const int other = __shfl_sync(kWholeWarp, sum, lane >= distance ? lane - distance : lane);
    sum += lane >= distance ? other : 0;
  }
  if (lane == 31) warp_sums[warp] = sum;
  __syncthreads();
  sum -= own;
  for (int w = 0; w < warp; ++w) sum += warp_sums[w];
  for (std::int64_t i = begin; i < end; ++i) {
    const int here = x[i];
    x[i] = sum;
    sum += here;
  }
}

/// Moves every row to its place: `starts` is the histogram, scanned.
__global__ void __launch_bounds__(kThreads)
    scatter_kernel(std::int64_t n_rows, const std::uint32_t* key, const std::uint32_t* row,
                   Digit digit, const int* starts, std::uint32_t* to_key, std::uint32_t* to_row) {
  __shared__ int next[kWarps][kMaxBins];
  count_digits(n_rows, key, digit, next);
  for (int bin = static_cast<int>(threadIdx.x); bin < digit.n_bins; bin += kThreads) {
    int start = starts[std::int64_t{bin} * gridDim.x + blockIdx.x];
    for (int w = 0; w < kWarps; ++w) {
      const int count = next[w][bin];
      next[w][bin] = start;
      start += count;
    }
  }
  __syncthreads();
  int* mine = next[threadIdx.x / 32];
  count_digits(n_rows, key, digit, mine, [&](std::int64_t i, unsigned bin, WarpRank in_warp) {
    const int to = mine[bin] + in_warp.rank;
    to_key[to] = key[i];
    to_row[to] = row[i];
  });
}

/// Keys are 0 ... n_tokens.
[[nodiscard]] int key_bits(std::int64_t n_tokens) {
  return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(n_tokens)));
}
[[nodiscard]] int n_passes(std::int64_t n_tokens) {
  return static_cast<int>(ceil_div(key_bits(n_tokens), kMaxDigitBits));
}

}  // namespace

std::int64_t token_sort_workspace_bytes(std::int64_t n_rows) {
  return (4 * round_up(n_rows, 4) + kMaxBins * ceil_div(n_rows, kBlockRows)) * 4;
}

SortedTokens launch_token_sort(const std::int32_t* tokens, std::int64_t n_rows,
                               std::int64_t first_token, std::int64_t n_tokens, void* workspace,
                               cudaStream_t stream) {
  const std::int64_t stride = round_up(n_rows, 4), n_blocks = ceil_div(n_rows, kBlockRows);
  auto* key = static_cast<std::uint32_t*>(workspace);
  std::uint32_t *row = key + stride, *to_key = row + stride, *to_row = to_key + stride;
  auto* histogram = reinterpret_cast<int*>(to_row + stride);
  launch(keys_kernel, {dim3(static_cast<unsigned>(ceil_div(n_rows, 256))), dim3(256)}, stream,
         n_rows, tokens, first_token, n_tokens, key, row);
  const int passes = n_passes(n_tokens);
  const int bits = passes == 0 ? 0 : static_cast<int>(ceil_div(key_bits(n_tokens), passes));
  for (int pass = 0; pass < passes && n_rows > 0; ++pass) {
    const Digit digit{pass * bits, 1 << bits};
    const LaunchShape shape{dim3(static_cast<unsigned>(n_blocks)), dim3(kThreads)};
    launch(histogram_kernel, shape, stream, n_rows, key, digit, histogram);
    launch(scan_kernel, {dim3(1), dim3(kScanThreads)}, stream, n_blocks * digit.n_bins, histogram);
    launch(scatter_kernel, shape, stream, n_rows, key, row, digit, histogram, to_key, to_row);
    std::swap(key, to_key);
    std::swap(row, to_row);
  }
  return {key, row};
}

}  // namespace isoflop
