// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// Backend::adamw (arXiv:1711.05101) for all parts in one launch (multi-tensor apply); parts, step
/// and scale are device memory. What becomes of an element depends on its values alone.
void launch_adamw(std::span<const AdamWPart> parts, float beta1, float beta2, const AdamWStep* step,
                  const float* scale, cudaStream_t stream);

}  // namespace isoflop
