// SPDX-License-Identifier: Apache-2.0
#include "cuda_backend.h"
#include "train/cuda_plugin.h"

extern "C" __attribute__((visibility("default"))) const isoflop::CudaPlugin* isoflop_cuda_plugin() {
  static const isoflop::CudaPlugin plugin{
      isoflop::kCudaPluginVersion, isoflop::make_cuda_backend_on, isoflop::count_cuda_devices};
  return &plugin;
}
