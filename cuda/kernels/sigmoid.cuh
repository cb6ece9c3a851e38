// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/device.cuh"

namespace isoflop {

inline constexpr float kLog2E = 1.44269504088896341f;

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + exp2f(x * -kLog2E)); }

}  // namespace isoflop
