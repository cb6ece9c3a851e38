// SPDX-License-Identifier: Apache-2.0
#include "cuda_error.h"

#include <new>
#include <string>

#include "isoflop/error.h"

namespace isoflop {

void check_cuda(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();  // not seen again by the next call
  if (status == cudaErrorMemoryAllocation) throw std::bad_alloc();
  const bool absent = status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver ||
                      status == cudaErrorInvalidDevice;
  throw Error(absent ? ErrorCode::unavailable : ErrorCode::device,
              std::string(call) + " failed: " + cudaGetErrorString(status) + " (" +
                  cudaGetErrorName(status) + ", " + file + ":" + std::to_string(line) + ")");
}

}  // namespace isoflop
