// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace isoflop {

// What can be asked of the GPUs of a machine without a context on one, which would take memory of
// it for as long as the process lives.

/// Throws Error(unavailable), in one line, where there is no such GPU or no driver.
void require_cuda_device(int device_index);

/// "NVIDIA H100 80GB HBM3".
[[nodiscard]] std::string cuda_device_name(int device_index);

}  // namespace isoflop
