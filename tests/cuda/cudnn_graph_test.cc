// SPDX-License-Identifier: Apache-2.0
// cuDNN's own library checks every operation when it is finalized, and a whole graph against the
// description of a device: no device is needed for that. Plans are not made: that takes a driver.
#include <span>
#include <string>

#include "cudnn_attention_graph.h"
#include "support/catch.h"

// Of the leak sanitizer, where the program is built with it: cuDNN keeps memory that nothing points
// to when it ends.
extern "C" {
__attribute__((weak)) void __lsan_disable();
__attribute__((weak)) void __lsan_enable();
}

namespace isoflop {
namespace {

struct LeaksAllowed {
  LeaksAllowed() {
    if (__lsan_disable != nullptr) __lsan_disable();
  }
  ~LeaksAllowed() {
    if (__lsan_enable != nullptr) __lsan_enable();
  }
  LeaksAllowed(const LeaksAllowed&) = delete;
  LeaksAllowed& operator=(const LeaksAllowed&) = delete;
};

/// As CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION of cuDNN 9.19 spells an H100.
constexpr const char* kH100 = R"({"deviceName": "NVIDIA H100 80GB HBM3", "deviceVer": 900,
  "driverVer": 13000, "cudaDeviceId": 0, "pciDeviceId": 0, "multiProcessorCount": 132,
  "warpSize": 32, "regsPerBlock": 65536, "maxRegistersPerSM": 65536,
  "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": 232448,
  "reservedSharedMemoryPerBlock": 1024, "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024,
  "maxThreadsPerSM": 2048, "maxGridSize": [2147483647, 65535, 65535],
  "maxBlockSize": [1024, 1024, 64], "totalGlobalMem": 85017493504, "smClockRateKHz": 1980000,
  "memClockRateKHz": 2619000, "l2CacheSize": 52428800, "isTccDriver": 0, "supportCoopLaunch": 1,
  "cudnnVersion": 91900, "schemaVersion": 1})";

TEST_CASE("cuDNN accepts both passes of attention as graphs of its operations") {
  const LeaksAllowed of_cudnn;
  const CudnnApi* const api = cudnn_api();
  if (api == nullptr || api->get_version() / 100 != 919) {
    WARN("no libcudnn.so.9 of version 9.19: nothing to ask");
    return;
  }
  CudnnDescriptor device(*api, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  const std::string json = kH100;
  device.set<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                   std::span(json.c_str(), json.size() + 1));
  device.finalize();
  for (const AttentionDims& dims :
       {AttentionDims{8, 2048, 6, 6, 64}, AttentionDims{2, 200, 8, 2, 128},
        AttentionDims{1, 7, 4, 1, 24}}) {
    INFO(dims.seq_len << ' ' << dims.n_heads << ' ' << dims.n_kv_heads << ' ' << dims.d_head);
    CHECK_NOTHROW((void)CudnnForwardGraph(*api, dims).graph.plan(device));
    CHECK_NOTHROW((void)CudnnBackwardGraph(*api, dims).graph.plan(device));
  }
}

TEST_CASE("what cuDNN refuses is an error with its words") {
  const LeaksAllowed of_cudnn;
  const CudnnApi* const api = cudnn_api();
  if (api == nullptr) return;
  CudnnGraph graph(*api);
  const auto x = graph.memory(CudnnShape::packed(1, 1, 4, 8), CUDNN_DATA_BFLOAT16);
  const auto y = graph.memory(CudnnShape::packed(1, 1, 4, 4), CUDNN_DATA_BFLOAT16);
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(graph.matmul(x, x, y)), contains("CUDNN_STATUS_BAD_PARAM"));
}

}  // namespace
}  // namespace isoflop
