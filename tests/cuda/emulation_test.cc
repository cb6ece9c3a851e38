// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "device/device.cuh"
#include "emulated_device.h"
#include "support/catch.h"

namespace isoflop {
namespace {

void sum_lanes_kernel(const float* x, float* y) {
  float sum = x[threadIdx.x];
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(kWholeWarp, sum, lanes);
  if (threadIdx.x % 32 == 0) y[threadIdx.x / 32] = sum;
}

TEST_CASE("a warp adds its lanes by shuffles") {
  emulation::reset();
  float *x = nullptr, *y = nullptr;
  ISOFLOP_CUDA(cudaMalloc(&x, 64 * sizeof(float)));
  ISOFLOP_CUDA(cudaMalloc(&y, 2 * sizeof(float)));
  std::vector<float> host(64);
  for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<float>(i);
  ISOFLOP_CUDA(cudaMemcpy(x, host.data(), 64 * sizeof(float), cudaMemcpyHostToDevice));
  launch(sum_lanes_kernel, {1, 64}, nullptr, x, y);
  ISOFLOP_CUDA(cudaMemcpy(host.data(), y, 2 * sizeof(float), cudaMemcpyDeviceToHost));
  CHECK(host[0] == 31 * 16);
  CHECK(host[1] == 31 * 16 + 32 * 32);
  ISOFLOP_CUDA(cudaFree(x));
  ISOFLOP_CUDA(cudaFree(y));
}

}  // namespace
}  // namespace isoflop
