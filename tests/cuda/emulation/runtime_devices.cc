// SPDX-License-Identifier: Apache-2.0
// libcudart: devices and errors.
#include <array>
#include <string>

#include "block.h"
#include "machine.h"

using isoflop::emulation::api;
using isoflop::emulation::current_device;
using isoflop::emulation::Machine;

namespace {

struct ErrorText {
  cudaError_t error;
  const char *name, *text;
};
#define ISOFLOP_ERROR(error, text) \
  ErrorText { error, #error, text }
constexpr std::array kErrors{
    ISOFLOP_ERROR(cudaSuccess, "no error"),
    ISOFLOP_ERROR(cudaErrorInvalidValue, "invalid argument"),
    ISOFLOP_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    ISOFLOP_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    ISOFLOP_ERROR(cudaErrorInvalidPitchValue, "invalid pitch argument"),
    ISOFLOP_ERROR(cudaErrorInsufficientDriver, "CUDA driver version is insufficient"),
    ISOFLOP_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    ISOFLOP_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    ISOFLOP_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    ISOFLOP_ERROR(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    ISOFLOP_ERROR(cudaErrorNotReady, "device not ready"),
    ISOFLOP_ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    ISOFLOP_ERROR(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    ISOFLOP_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    ISOFLOP_ERROR(cudaErrorPeerAccessAlreadyEnabled, "peer access is already enabled"),
    ISOFLOP_ERROR(cudaErrorNotSupported, "operation not supported"),
    ISOFLOP_ERROR(cudaErrorStreamCaptureUnsupported,
                  "operation not permitted when stream is capturing"),
    ISOFLOP_ERROR(cudaErrorStreamCaptureInvalidated,
                  "operation failed due to a previous error during capture"),
    ISOFLOP_ERROR(cudaErrorStreamCaptureMerge,
                  "operation would result in a merge of separate capture sequences"),
    ISOFLOP_ERROR(cudaErrorStreamCaptureUnmatched, "capture was not ended in the same stream"),
    ISOFLOP_ERROR(cudaErrorStreamCaptureUnjoined, "capturing stream has unjoined work"),
    ISOFLOP_ERROR(cudaErrorStreamCaptureIsolation,
                  "dependency created on uncaptured work in another stream"),
    ISOFLOP_ERROR(cudaErrorStreamCaptureImplicit,
                  "operation would make the legacy stream depend on a capturing blocking stream"),
    ISOFLOP_ERROR(cudaErrorCapturedEvent,
                  "operation not permitted on an event last recorded in a capturing stream"),
    ISOFLOP_ERROR(cudaErrorStreamCaptureWrongThread,
                  "attempt to terminate a thread-local capture sequence from another thread"),
    ISOFLOP_ERROR(cudaErrorUnknown, "unknown error")};
#undef ISOFLOP_ERROR

const ErrorText& text_of(cudaError_t error) {
  for (const ErrorText& text : kErrors)
    if (text.error == error) return text;
  return kErrors.back();
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int* n) {
  return api([&](Machine& m, Machine::Lock&) {
    *n = static_cast<int>(m.devices.size());
    return *n == 0 ? cudaErrorNoDevice : cudaSuccess;
  });
}
cudaError_t cudaSetDevice(int device) {
  return api([&](Machine& m, Machine::Lock&) {
    if (m.devices.empty()) return cudaErrorNoDevice;
    if (device < 0 || device >= static_cast<int>(m.devices.size())) return cudaErrorInvalidDevice;
    current_device() = device;
    return cudaSuccess;
  });
}
cudaError_t cudaGetDevice(int* device) {
  return api([&](Machine& m, Machine::Lock&) {
    *device = current_device();
    return m.devices.empty() ? cudaErrorNoDevice : cudaSuccess;
  });
}
cudaError_t cudaDeviceSynchronize() {
  return api([&](Machine& m, Machine::Lock& lock) {
    if (const cudaError_t unsafe = m.check_unsafe_call(); unsafe != cudaSuccess) return unsafe;
    if (const cudaError_t failed = m.status(current_device()); failed != cudaSuccess) return failed;
    return m.wait_for_device(lock, current_device());
  });
}

// An H100's, where kernels or launchers could ask.
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return api([&](Machine& m, Machine::Lock&) {
    if (device < 0 || device >= static_cast<int>(m.devices.size())) return cudaErrorInvalidDevice;
    *properties = {};
    std::string("emulated device").copy(properties->name, sizeof properties->name - 1);
    properties->uuid.bytes[0] = static_cast<char>(device + 1);
    properties->totalGlobalMem = static_cast<std::size_t>(m.memory_size);
    properties->major = 9;
    properties->minor = 0;
    properties->multiProcessorCount = m.n_multiprocessors;
    properties->warpSize = isoflop::emulation::kWarpSize;
    properties->maxThreadsPerBlock = isoflop::emulation::kMaxThreads;
    properties->maxThreadsPerMultiProcessor = 2048;
    properties->regsPerBlock = properties->regsPerMultiprocessor = 65536;
    properties->sharedMemPerBlock = 48 * 1024;
    properties->sharedMemPerBlockOptin = isoflop::emulation::kMaxSharedBytes;
    properties->sharedMemPerMultiprocessor = 228 * 1024;
    properties->l2CacheSize = 50 * 1024 * 1024;
    properties->concurrentKernels = 1;
    properties->unifiedAddressing = 1;
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p;
  if (const cudaError_t status = cudaGetDeviceProperties(&p, device); status != cudaSuccess)
    return status;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
    case cudaDevAttrWarpSize:
      *value = p.warpSize;
      break;
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = p.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = static_cast<int>(p.sharedMemPerBlock);
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(p.sharedMemPerBlockOptin);
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(p.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrL2CacheSize:
      *value = p.l2CacheSize;
      break;
    case cudaDevAttrUnifiedAddressing:
      *value = p.unifiedAddressing;
      break;
    case cudaDevAttrMemoryPoolsSupported:
      *value = 1;
      break;
    default:
      return isoflop::emulation::remember(cudaErrorNotSupported);  // by the emulation
  }
  return cudaSuccess;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return cudaSuccess; }

cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  *can = device != peer ? 1 : 0;
  return cudaSuccess;
}
cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned) {
  return api([&](Machine& m, Machine::Lock&) {
    if (peer < 0 || peer >= static_cast<int>(m.devices.size()) || peer == current_device())
      return cudaErrorInvalidDevice;
    const bool is_new =
        m.devices[static_cast<std::size_t>(current_device())].peers.insert(peer).second;
    return is_new ? cudaSuccess : cudaErrorPeerAccessAlreadyEnabled;
  });
}

// One pool, of which nothing is kept.
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
  static char only;
  *pool = reinterpret_cast<cudaMemPool_t>(&only);
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, std::size_t) { return cudaSuccess; }

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() { return isoflop::emulation::last_error(true); }
cudaError_t cudaPeekAtLastError() { return isoflop::emulation::last_error(false); }
const char* cudaGetErrorName(cudaError_t error) { return text_of(error).name; }
/// Of a failed kernel with what it did.
const char* cudaGetErrorString(cudaError_t error) {
  thread_local std::string text;
  text = text_of(error).text;
  if (error != cudaErrorLaunchFailure) return text.c_str();
  const auto lock = isoflop::emulation::lock_machine();
  for (const auto& device : isoflop::emulation::machine().devices)
    if (!device.failure.empty()) return (text += ": " + device.failure).c_str();
  return text.c_str();
}

}  // extern "C"
