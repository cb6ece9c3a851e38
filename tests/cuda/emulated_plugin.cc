// SPDX-License-Identifier: Apache-2.0
// Stands in for the library that lib/train/device/cuda_plugin.cc loads: in this program "cuda" is
// the emulated device, for all of the trainer.
#include "cuda_backend.h"
#include "devices.h"
#include "train/device/cuda_plugin.h"

namespace isoflop {
namespace {

const CudaPlugin kEmulated{
    .version = kCudaPluginVersion,
    .make_backend = make_cuda_backend_on,
    .count_devices = count_cuda_devices,
    .require_device = require_cuda_device,
    .device_name = cuda_device_name,
};

[[maybe_unused]] const bool is_provided = (provide_cuda_plugin(kEmulated), true);

}  // namespace
}  // namespace isoflop
