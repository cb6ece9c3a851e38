// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace isoflop {

/// log2(e): exp(x) = exp2(kLog2E x), and exp2f is one instruction of the device.
inline constexpr float kLog2E = 1.44269504088896341f;

}  // namespace isoflop
