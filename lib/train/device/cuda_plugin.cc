// SPDX-License-Identifier: Apache-2.0
#include "train/device/cuda_plugin.h"

#include <string>

#include <dlfcn.h>

#include "isoflop/error.h"

namespace isoflop {
namespace {

const CudaPlugin*& provided_plugin() {
  static const CudaPlugin* plugin = nullptr;
  return plugin;
}

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorCode::unavailable, "device \"cuda\": " + why);
}

const CudaPlugin& load_plugin() {
  void* library = dlopen(kCudaPluginFile, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const std::string error = dlerror();
    if (error.rfind(kCudaPluginFile, 0) == 0) {
      refuse("this build has no CUDA backend (" + std::string(kCudaPluginFile) +
             " was not found); build where nvcc, cuBLASLt and NCCL are, or use device \"cpu\"");
    }
    refuse("a library that the CUDA backend needs is missing: " + error);
  }
  const auto entry = reinterpret_cast<const CudaPlugin* (*)()>(dlsym(library, kCudaPluginSymbol));
  if (entry == nullptr || entry()->version != kCudaPluginVersion) {
    refuse(std::string(kCudaPluginFile) + " is of another version of isoflop");
  }
  return *entry();
}

}  // namespace

const CudaPlugin& cuda_plugin() {
  if (provided_plugin() != nullptr) return *provided_plugin();
  static const CudaPlugin& plugin = load_plugin();
  return plugin;
}

void provide_cuda_plugin(const CudaPlugin& plugin) { provided_plugin() = &plugin; }

std::unique_ptr<Backend> make_cuda_backend(int device_index) {
  return cuda_plugin().make_backend(device_index);
}

}  // namespace isoflop
