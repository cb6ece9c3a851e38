// SPDX-License-Identifier: Apache-2.0
#include "cuda_backend.h"
#include "devices.h"
#include "train/device/cuda_plugin.h"

extern "C" __attribute__((visibility("default"))) const isoflop::CudaPlugin* isoflop_cuda_plugin() {
  static const isoflop::CudaPlugin plugin{
      .version = isoflop::kCudaPluginVersion,
      .make_backend = isoflop::make_cuda_backend_on,
      .count_devices = isoflop::count_cuda_devices,
      .require_device = isoflop::require_cuda_device,
      .device_name = isoflop::cuda_device_name,
  };
  return &plugin;
}
