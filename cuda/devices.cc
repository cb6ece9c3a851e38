// SPDX-License-Identifier: Apache-2.0
#include "devices.h"

#include <cuda_runtime_api.h>

#include "cuda_error.h"
#include "isoflop/error.h"

namespace isoflop {

namespace {

/// Where there is none the runtime takes it for one that is too old.
bool has_driver() {
  int version = 0;
  return cudaDriverGetVersion(&version) == cudaSuccess && version > 0;
}

}  // namespace

void require_cuda_device(int device_index) {
  int n_devices = 0;
  const cudaError_t found = cudaGetDeviceCount(&n_devices);
  (void)cudaGetLastError();
  if (found != cudaSuccess || n_devices == 0)
    throw Error(ErrorCode::unavailable,
                std::string("no CUDA device found: ") +
                    (!has_driver()          ? "this machine has no NVIDIA driver"
                     : found == cudaSuccess ? cudaGetErrorString(cudaErrorNoDevice)
                                            : cudaGetErrorString(found)));
  if (device_index < 0 || device_index >= n_devices)
    throw Error(ErrorCode::unavailable, "no CUDA device " + std::to_string(device_index) +
                                            " found: there are " + std::to_string(n_devices) +
                                            ", numbered from 0");
}

std::string cuda_device_name(int device_index) {
  cudaDeviceProp properties{};
  ISOFLOP_CUDA(cudaGetDeviceProperties(&properties, device_index));
  return properties.name;
}

}  // namespace isoflop
