// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "train/contract/backend.h"

namespace isoflop {

/// What libisoflop_cuda.so offers. The CUDA backend is a library of its own that is loaded when a
/// GPU is asked for: a program that uses none starts without CUDA's libraries, and runs where they
/// are not.
struct CudaPlugin {
  int version = 0;  // kCudaPluginVersion of the build that made it
  std::unique_ptr<Backend> (*make_backend)(int device_index) = nullptr;
  /// 0 where there is no GPU or no driver.
  int (*count_devices)() = nullptr;
  /// Throws Error(unavailable), in one line, where there is no such GPU or no driver. Takes nothing
  /// of the GPU, as counting does not.
  void (*require_device)(int device_index) = nullptr;
  /// "NVIDIA H100 80GB HBM3". Takes nothing of the GPU.
  std::string (*device_name)(int device_index) = nullptr;
};

/// Grows with any change to what crosses the border: CudaPlugin, Backend, Communicator.
inline constexpr int kCudaPluginVersion = 2;
inline constexpr char kCudaPluginFile[] = "libisoflop_cuda.so";
/// const CudaPlugin* isoflop_cuda_plugin(), a C function.
inline constexpr char kCudaPluginSymbol[] = "isoflop_cuda_plugin";

/// Loads the library on the first call. Throws Error(unavailable) where it or a library of CUDA is
/// missing, or where it is another version's.
[[nodiscard]] const CudaPlugin& cuda_plugin();

/// For programs that have a CUDA backend linked in: used from now on instead of the library. Before
/// the first call of cuda_plugin(); `plugin` must live as long as the program.
void provide_cuda_plugin(const CudaPlugin& plugin);

}  // namespace isoflop
