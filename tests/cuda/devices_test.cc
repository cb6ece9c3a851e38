// SPDX-License-Identifier: Apache-2.0
// What can be asked of devices, and what their data sheets say.
#include "devices.h"

#include <string>
#include <vector>

#include "cuda_backend.h"
#include "emulated_device.h"
#include "isoflop/error.h"
#include "peak_flops.h"
#include "support/catch.h"
#include "train/device/device.h"

namespace isoflop {
namespace {

using Names = std::vector<std::string>;

TEST_CASE("\"cuda\" stands for all GPUs, \"cuda:N\" for one") {
  emulation::reset();
  emulation::set_device_count(3);
  CHECK(find_devices("cuda") == Names{"cuda:0", "cuda:1", "cuda:2"});
  CHECK(find_devices("cuda:2") == Names{"cuda:2"});
  CHECK(find_devices("cpu") == Names{"cpu"});
  CHECK(describe_devices() ==
        Names{"cpu", "cuda:0 emulated device", "cuda:1 emulated device", "cuda:2 emulated device"});
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(find_devices("cuda:7")),
             contains("no CUDA device 7 found: there are 3, numbered from 0"));
  for (const char* name : {"cuda:", "cuda:-1", "cuda:1x", "cuda1", "gpu", ""}) {
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE(find_devices(name)),
               contains("device: must be \"cpu\", \"cuda\" or \"cuda:N\", got \"" +
                        std::string(name) + "\""));
  }
  CHECK(emulation::allocated_bytes() == 0);
}

TEST_CASE("a machine without a GPU has its CPU, and says what is missing in one line") {
  emulation::reset();
  emulation::set_device_count(0);
  CHECK(describe_devices() == Names{"cpu"});
  for (const char* name : {"cuda", "cuda:0", "cuda:7"}) {
    const std::string message = ISOFLOP_ERROR_MESSAGE(find_devices(name));
    CHECK_THAT(message, contains("no CUDA device found: "));
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("peaks are those of the data sheets, dense, and of no device that has none") {
  CHECK(peak_bf16_flops("NVIDIA A100-SXM4-80GB") == 312e12);
  CHECK(peak_bf16_flops("NVIDIA H100 80GB HBM3") == 989e12);
  CHECK(peak_bf16_flops("NVIDIA H100 PCIe") == 756e12);
  CHECK(peak_bf16_flops("NVIDIA H200") == 989e12);
  CHECK(peak_bf16_flops("NVIDIA B200") == 2.25e15);
  for (const char* name : {"", "NVIDIA", "NVIDIA H100", "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
                           "NVIDIA H200 NVL", "NVIDIA GeForce RTX 4090 Laptop GPU"}) {
    CHECK(peak_bf16_flops(name) == 0);
  }
  emulation::reset();
  const CudaBackend backend(0);
  CHECK(backend.peak_flops(DType::bf16) == 0);  // of an emulated device
  CHECK(backend.peak_flops(DType::f32) == 0);
}

}  // namespace
}  // namespace isoflop
