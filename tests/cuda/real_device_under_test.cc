// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>

#include "cuda_error.h"
#include "device_under_test.h"

namespace isoflop::test {

void fresh_device() {
  ISOFLOP_CUDA(cudaSetDevice(0));
  ISOFLOP_CUDA(cudaDeviceSynchronize());
}
void set_order(std::uint64_t) {}

}  // namespace isoflop::test
