// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <cuda_runtime_api.h>

namespace isoflop {

/// Throws std::bad_alloc where the device is out of memory, Error(unavailable) where there is no
/// device or driver, Error(device) for every other failure, with the call and its place.
void check_cuda(cudaError_t status, const char* call, const char* file, int line);

/// What earlier work did to the stream's device, where it failed: libraries only say that their own
/// call did not go through. Empty where the device works. May be asked while the stream is
/// captured.
std::string device_failure(cudaStream_t stream);

}  // namespace isoflop

/// Around every call of the CUDA runtime.
#define ISOFLOP_CUDA(call) ::isoflop::check_cuda((call), #call, __FILE__, __LINE__)
