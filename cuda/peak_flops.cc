// SPDX-License-Identifier: Apache-2.0
#include "peak_flops.h"

namespace isoflop {
namespace {

struct DevicePeak {
  std::string_view name;
  double flops;
};

// Data sheets from Hopper on print the rate with 2:4 sparsity, twice the dense one.
constexpr DevicePeak kPeaks[] = {
    // "NVIDIA A100 Tensor Core GPU" (2021): 312 TFLOPS, all forms.
    {"NVIDIA A100-SXM4-40GB", 312e12},
    {"NVIDIA A100-SXM4-80GB", 312e12},
    {"NVIDIA A100-PCIE-40GB", 312e12},
    {"NVIDIA A100 80GB PCIe", 312e12},
    // "NVIDIA H100 Tensor Core GPU" (2023): SXM 1,979 / 2, PCIe 1,513 / 2; without the half TFLOPS,
    // as everybody quotes them.
    {"NVIDIA H100 80GB HBM3", 989e12},
    {"NVIDIA H100 PCIe", 756e12},
    // "NVIDIA H200 Tensor Core GPU" (2024), SXM: 1,979 / 2.
    {"NVIDIA H200", 989e12},
    // "NVIDIA Blackwell" (2025), one GPU of HGX B200: 4.5 PFLOPS / 2.
    {"NVIDIA B200", 2250e12},
    // "NVIDIA L40S" (2023): 362 | 733, the first without sparsity.
    {"NVIDIA L40S", 362e12},
    // "NVIDIA Ada GPU Architecture" (2022), appendix A: 165.2 | 330.4.
    {"NVIDIA GeForce RTX 4090", 165.2e12},
};

}  // namespace

double peak_bf16_flops(std::string_view device_name) {
  for (const DevicePeak& peak : kPeaks) {
    if (peak.name == device_name) return peak.flops;
  }
  return 0;
}

}  // namespace isoflop
