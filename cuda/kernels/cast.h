// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// y = x, of the same size: f32 and bf16 in any combination. Rounds to nearest even.
void launch_cast(Tensor x, Tensor y, cudaStream_t stream);

}  // namespace isoflop
