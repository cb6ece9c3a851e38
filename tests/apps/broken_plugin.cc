// SPDX-License-Identifier: Apache-2.0
// What `isoflop` may find where it looks for its CUDA backend.
#include "train/device/cuda_plugin.h"

extern "C" __attribute__((visibility("default"))) const isoflop::CudaPlugin* isoflop_cuda_plugin() {
  static const isoflop::CudaPlugin plugin{.version = isoflop::kCudaPluginVersion - 1};
  return &plugin;
}
