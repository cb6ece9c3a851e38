// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/device.cuh"
#include "kernels/log2e.h"

namespace isoflop {

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + exp2f(x * -kLog2E)); }

}  // namespace isoflop
