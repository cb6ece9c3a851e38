// SPDX-License-Identifier: Apache-2.0
// What the emulated device does with kernels, and what it refuses.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "base/rng.h"
#include "cuda/device_memory.h"
#include "device/device.cuh"
#include "device/tensor_core.cuh"
#include "emulated_device.h"
#include "isoflop/error.h"
#include "support/catch.h"

namespace isoflop {
namespace {

using test::DeviceArray;

std::vector<float> iota(std::size_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

/// What running the kernel throws.
template <class... Parameters, class... Args>
std::string failure_of(void (*kernel)(Parameters...), const LaunchShape& shape, Args... args) {
  std::string text = "nothing";
  try {
    launch(kernel, shape, nullptr, args...);
    ISOFLOP_CUDA(cudaDeviceSynchronize());
  } catch (const Error& e) {
    text = e.what();
  }
  return text;
}
bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

__global__ void shuffle_kernel(const float* x, float* y) {
  const float own = x[threadIdx.x];
  float* out = y + 6 * threadIdx.x;
  out[0] = __shfl_xor_sync(kWholeWarp, own, 5);
  out[1] = __shfl_sync(kWholeWarp, own, 7);
  out[2] = __shfl_down_sync(kWholeWarp, own, 3);
  out[3] = __shfl_sync(kWholeWarp, own, 1, 8);
  out[4] = __shfl_down_sync(kWholeWarp, own, 2, 8);
  const float4 wide = __shfl_sync(kWholeWarp, make_float4(own, 2 * own, 3 * own, 4 * own), 9);
  out[5] = wide.w;
}

TEST_CASE("shuffles move values between the lanes of a warp") {
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    emulation::reset();
    emulation::set_seed(seed);
    const DeviceArray<float> x(iota(96)), y(96 * 6);
    launch(shuffle_kernel, {1, 96}, nullptr, x.data(), y.data());
    const std::vector<float> got = y.values();
    for (unsigned i = 0; i < 96; ++i) {
      const unsigned warp = i / 32 * 32, group = i / 8 * 8;
      const std::array<unsigned, 6> want{i ^ 5,
                                         warp + 7,
                                         i % 32 + 3 < 32 ? i + 3 : i,
                                         group + 1,
                                         i % 8 + 2 < 8 ? i + 2 : i,
                                         4 * (warp + 9)};
      for (unsigned j = 0; j < 6; ++j) CHECK(got[6 * i + j] == static_cast<float>(want[j]));
    }
  }
}

__global__ void index_kernel(unsigned* seen) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  ++seen[block * blockDim.x * blockDim.y * blockDim.z + thread];
}

TEST_CASE("every thread of every block runs once") {
  emulation::reset();
  const dim3 grid(3, 4, 5), block(2, 3, 7);
  const std::vector<unsigned> zeros(3 * 4 * 5 * 2 * 3 * 7, 0);
  const DeviceArray<unsigned> seen(zeros);
  launch(index_kernel, {grid, block}, nullptr, seen.data());
  CHECK(seen.values() == std::vector<unsigned>(zeros.size(), 1));
  launch(index_kernel, {dim3(0, 4, 5), block}, nullptr, seen.data());
  CHECK(seen.values() == std::vector<unsigned>(zeros.size(), 1));
}

template <bool kWaits>
__global__ void reverse_kernel(const float* x, float* y) {
  float* shared = dynamic_shared<float>();
  shared[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
  if (kWaits) __syncthreads();
  y[blockIdx.x * blockDim.x + threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

/// Of four seeds, how many different results.
std::size_t number_of_results(void (*kernel)(const float*, float*), unsigned block) {
  std::vector<std::vector<std::uint32_t>> results;
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
    emulation::reset();
    emulation::set_seed(seed);
    const DeviceArray<float> x(iota(4 * block)), y(4 * block);
    launch(kernel, {4, block, block * sizeof(float)}, nullptr, x.data(), y.data());
    std::vector<std::uint32_t> bits;
    for (const float value : y.values()) bits.push_back(std::bit_cast<std::uint32_t>(value));
    if (std::ranges::find(results, bits) == results.end()) results.push_back(bits);
  }
  return results.size();
}

TEST_CASE("a forgotten barrier gives results that depend on the seed") {
  CHECK(number_of_results(reverse_kernel<true>, 1024) == 1);
  CHECK(number_of_results(reverse_kernel<false>, 1024) > 1);
  CHECK(number_of_results(reverse_kernel<true>, 33) == 1);
  CHECK(number_of_results(reverse_kernel<false>, 33) > 1);
}

__global__ void neighbour_kernel(const float* x, float* y) {
  __shared__ float shared[32];
  shared[threadIdx.x] = x[32 * blockIdx.x + threadIdx.x];
  y[32 * blockIdx.x + threadIdx.x] = shared[threadIdx.x ^ 1];
}
__global__ void waiting_neighbour_kernel(const float* x, float* y) {
  __shared__ float shared[32];
  shared[threadIdx.x] = x[32 * blockIdx.x + threadIdx.x];
  __syncwarp();
  y[32 * blockIdx.x + threadIdx.x] = shared[threadIdx.x ^ 1];
  __syncwarp();
}

TEST_CASE("lanes of a warp do not run in step: they must wait for each other") {
  CHECK(number_of_results(waiting_neighbour_kernel, 32) == 1);
  CHECK(number_of_results(neighbour_kernel, 32) > 1);
}

__global__ void leave_early_kernel() {
  if (threadIdx.x < 5) return;
  __syncthreads();
}
__global__ void divergent_kernel(float* y) {
  if (threadIdx.x % 32 < 7) {
    __syncwarp();
  } else {
    y[0] = __shfl_xor_sync(kWholeWarp, 1.0f, 1);
  }
}
__global__ void part_of_warp_kernel(float* y) {
  if (threadIdx.x < 16) y[0] = __shfl_xor_sync(kWholeWarp, 1.0f, 1);
}
__global__ void masked_kernel(float* y) { y[0] = __shfl_xor_sync(0xffffu, 1.0f, 1); }
__global__ void warp_and_block_kernel() { threadIdx.x < 32 ? __syncthreads() : __syncwarp(); }

TEST_CASE("threads that do not come to a barrier or a shuffle fail the kernel") {
  emulation::reset();
  const DeviceArray<float> y(32);
  CHECK(contains(failure_of(leave_early_kernel, {1, 64}), "59 threads (the first is 5) wait at"));
  CHECK(contains(failure_of(leave_early_kernel, {1, 64}), "launch failure"));  // it stays failed
  emulation::reset();
  CHECK(contains(failure_of(divergent_kernel, {1, 64}, y.data()), "divergent warp"));
  emulation::reset();
  CHECK(contains(failure_of(part_of_warp_kernel, {1, 32}, y.data()),
                 "16 threads (the first is 16)"
                 " have returned"));
  emulation::reset();
  CHECK(
      contains(failure_of(part_of_warp_kernel, {1, 20}, y.data()), "of a whole warp in one of 20"));
  emulation::reset();
  CHECK(contains(failure_of(masked_kernel, {1, 32}, y.data()), "of a part of a warp"));
  emulation::reset();
  CHECK(contains(failure_of(warp_and_block_kernel, {1, 64}), "never goes on"));
  emulation::reset();
  CHECK(failure_of(shuffle_kernel, {1, 32}, DeviceArray<float>(iota(32)).data(),
                   DeviceArray<float>(32 * 6).data()) == "nothing");
}

TEST_CASE("launches that no device takes are refused") {
  emulation::reset();
  const DeviceArray<unsigned> seen(1024);
  const auto refused = [&](dim3 grid, dim3 block, std::size_t shared_bytes) {
    return failure_of(index_kernel, {grid, block, shared_bytes}, seen.data())
               .find("invalid configuration") != std::string::npos;
  };
  CHECK_FALSE(refused(1, 1024, 227 * 1024));
  CHECK(refused(1, 1025, 0));
  CHECK(refused(1, dim3(8, 1, 65), 0));
  CHECK(refused(1, 0, 0));
  CHECK(refused(dim3(1, 65536), 1, 0));
  CHECK(refused(1, 1, 227 * 1024 + 1));
}

__global__ void shared_start_kernel(float* y) {
  y[threadIdx.x] = dynamic_shared<float>()[threadIdx.x];
}

TEST_CASE("memory and shared memory start as NaN") {
  emulation::reset();
  const DeviceArray<float> y(32);
  for (const float value : y.values()) CHECK(std::isnan(value));
  const std::vector<float> zeros(32, 0);
  const DeviceArray<float> z(zeros);
  launch(shared_start_kernel, {1, 32, 32 * sizeof(float)}, nullptr, z.data());
  for (const float value : z.values()) CHECK(std::isnan(value));
}

// Rows 0 ... 15 of a [16, 16] and b^T [8, 16] in registers as PTX ISA, "Matrix Fragments for
// mma.m16n8k16 with floating point type", draws them, written out here element by element.
__global__ void mma_kernel(const __nv_bfloat16* a, const __nv_bfloat16* b, float* d) {
  const unsigned lane = threadIdx.x;
  const auto bits = [](const __nv_bfloat16* x) { return std::bit_cast<std::uint16_t>(*x); };
  std::uint32_t a_registers[4] = {}, b_registers[2] = {};
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned row = i < 2 || (i >= 4 && i < 6) ? lane >> 2 : (lane >> 2) + 8;
    const unsigned col = (lane & 3) * 2 + (i & 1) + (i >= 4 ? 8 : 0);
    a_registers[i / 2] |= static_cast<std::uint32_t>(bits(a + 16 * row + col)) << 16 * (i & 1);
  }
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = (lane & 3) * 2 + (i & 1) + (i >= 2 ? 8 : 0), col = lane >> 2;
    b_registers[i / 2] |= static_cast<std::uint32_t>(bits(b + 8 * row + col)) << 16 * (i & 1);
  }
  float sums[4] = {1, 2, 3, 4};
  mma_m16n8k16(sums, a_registers, b_registers);
  for (unsigned i = 0; i < 4; ++i)
    d[8 * ((lane >> 2) + (i < 2 ? 0 : 8)) + (lane & 3) * 2 + (i & 1)] =
        sums[i] - static_cast<float>(i + 1);
}

TEST_CASE("mma_m16n8k16 is a matrix product of its fragments, added to d") {
  emulation::reset();
  const Rng rng(3);
  std::vector<__nv_bfloat16> a, b;  // small integers: every sum is exact
  for (std::uint64_t i = 0; i < 256; ++i)
    a.push_back(__float2bfloat16_rn(static_cast<float>(rng.below(17, i)) - 8));
  for (std::uint64_t i = 0; i < 128; ++i)
    b.push_back(__float2bfloat16_rn(static_cast<float>(rng.below(17, 1000 + i)) - 8));
  const DeviceArray<__nv_bfloat16> on_a(a), on_b(b);
  const DeviceArray<float> d(128);
  launch(mma_kernel, {1, 32}, nullptr, on_a.data(), on_b.data(), d.data());
  const std::vector<float> got = d.values();
  for (unsigned i = 0; i < 16; ++i)
    for (unsigned j = 0; j < 8; ++j) {
      float want = 0;
      for (unsigned k = 0; k < 16; ++k)
        want += __bfloat162float(a[16 * i + k]) * __bfloat162float(b[8 * k + j]);
      CHECK(got[8 * i + j] == want);
    }
}

__global__ void load_matrices_kernel(std::uint32_t* plain, std::uint32_t* transposed) {
  // Element (r, c) of matrix m is 1000 m + 10 r + c; rows lie 24 elements apart.
  auto* shared = dynamic_shared<std::uint16_t>();
  const unsigned lane = threadIdx.x;
  std::uint16_t* row = shared + 24 * lane;
  for (unsigned c = 0; c < 8; ++c)
    row[c] = static_cast<std::uint16_t>(1000 * (lane / 8) + 10 * (lane % 8) + c);
  __syncwarp();
  std::uint32_t r[4];
  load_matrices(r, row);
  for (unsigned m = 0; m < 4; ++m) plain[4 * lane + m] = r[m];
  load_matrices_transposed(r, row);
  for (unsigned m = 0; m < 4; ++m) transposed[4 * lane + m] = r[m];
}
__global__ void load_misaligned_kernel() {
  std::uint32_t r[4];
  load_matrices(r, dynamic_shared<std::byte>() + 8);
}

TEST_CASE("load_matrices gives lane i two neighbours of row i / 4, transposed of column i / 4") {
  emulation::reset();
  const DeviceArray<std::uint32_t> plain(128), transposed(128);
  launch(load_matrices_kernel, {1, 32, 32 * 24 * 2}, nullptr, plain.data(), transposed.data());
  const auto got = plain.values(), got_transposed = transposed.values();
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned m = 0; m < 4; ++m) {
      const unsigned of_row = 1000 * m + 10 * (lane / 4) + 2 * (lane % 4);
      const unsigned of_column = 1000 * m + 10 * (2 * (lane % 4)) + lane / 4;
      CHECK(got[4 * lane + m] == (of_row | (of_row + 1) << 16));
      CHECK(got_transposed[4 * lane + m] == (of_column | (of_column + 10) << 16));
    }
  CHECK(contains(failure_of(load_misaligned_kernel, {1, 32, 64}), "not aligned to 16"));
}

__global__ void copy_kernel(const float* x, float* seen) {
  auto* shared = dynamic_shared<float>() + 12 * threadIdx.x;
  float* out = seen + 12 * threadIdx.x;
  copy_async(shared, x);
  commit_copies();
  copy_async(shared + 4, x + 4);
  commit_copies();
  copy_async(shared + 8, x + 8, false);  // belongs to no group yet
  out[0] = shared[0];
  wait_for_copies<1>();
  out[1] = shared[0];
  out[2] = shared[4];
  wait_for_copies<0>();
  out[3] = shared[7];
  out[4] = shared[8];
  commit_copies();
  wait_for_copies<0>();
  out[5] = shared[8];
}
__global__ void copy_misaligned_kernel(const float* x) {
  copy_async(dynamic_shared<float>(), x + 1);
}

TEST_CASE("an asynchronous copy is there when it was waited for, and NaN before") {
  emulation::reset();
  const DeviceArray<float> x(iota(12)), seen(12 * 2);
  launch(copy_kernel, {1, 2, 96}, nullptr, x.data(), seen.data());
  const std::vector<float> got = seen.values();
  for (const std::size_t thread : {0u, 12u}) {
    CHECK(std::isnan(got[thread]));
    CHECK(got[thread + 1] == 0);
    CHECK(std::isnan(got[thread + 2]));
    CHECK(got[thread + 3] == 7);
    CHECK(std::isnan(got[thread + 4]));
    CHECK(got[thread + 5] == 0);
  }
  CHECK(contains(failure_of(copy_misaligned_kernel, {1, 1, 64}, x.data()), "not aligned to 16"));
}

__global__ void wide_load_kernel(const float* x, float* y) {
  const float4 v = __ldg(reinterpret_cast<const float4*>(x + threadIdx.x));
  __stcs(reinterpret_cast<float4*>(y) + threadIdx.x, v);
}

TEST_CASE("wide accesses must be aligned") {
  emulation::reset();
  const DeviceArray<float> x(iota(8)), y(8);
  CHECK(failure_of(wide_load_kernel, {1, 1}, x.data(), y.data()) == "nothing");
  CHECK(contains(failure_of(wide_load_kernel, {1, 2}, x.data(), y.data()), "__ldg: not aligned"));
}

}  // namespace
}  // namespace isoflop
