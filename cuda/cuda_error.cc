// SPDX-License-Identifier: Apache-2.0
#include "cuda_error.h"

#include <new>
#include <string>

#include "isoflop/error.h"

namespace isoflop {
namespace {

std::string describe(cudaError_t status) {
  return std::string(cudaGetErrorString(status)) + " (" + cudaGetErrorName(status);
}

}  // namespace

void check_cuda(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();  // not seen again by the next call
  if (status == cudaErrorMemoryAllocation) throw std::bad_alloc();
  const bool absent = status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver ||
                      status == cudaErrorInvalidDevice;
  throw Error(absent ? ErrorCode::unavailable : ErrorCode::device,
              std::string(call) + " failed: " + describe(status) + ", " + file + ":" +
                  std::to_string(line) + ")");
}

std::string device_failure(cudaStream_t stream) {
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  cudaError_t status = cudaStreamIsCapturing(stream, &capture);
  if (status == cudaSuccess && capture == cudaStreamCaptureStatusNone)
    status = cudaStreamQuery(stream);
  (void)cudaGetLastError();
  return status == cudaSuccess || status == cudaErrorNotReady ? "" : describe(status) + ")";
}

}  // namespace isoflop
