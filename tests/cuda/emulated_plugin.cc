// SPDX-License-Identifier: Apache-2.0
// Stands in for the library that lib/train/cuda_plugin.cc loads: in this program "cuda" is the
// emulated device, for all of the trainer.
#include "cuda_backend.h"
#include "devices.h"
#include "train/cuda_plugin.h"

namespace isoflop {

const CudaPlugin& cuda_plugin() {
  static const CudaPlugin plugin{
      .version = kCudaPluginVersion,
      .make_backend = make_cuda_backend_on,
      .count_devices = count_cuda_devices,
      .require_device = require_cuda_device,
      .device_name = cuda_device_name,
  };
  return plugin;
}

std::unique_ptr<Backend> make_cuda_backend(int device_index) {
  return cuda_plugin().make_backend(device_index);
}

}  // namespace isoflop
