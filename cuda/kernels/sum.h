// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// y = (x[0] + x[1]) + x[2] ..., elementwise, rounded once; y may be one of them. T is float,
/// __nv_bfloat16 (added in f32) or double. Up to 256 tensors, Error(invalid_argument) for more.
template <class T>
void launch_sum(std::span<const Tensor> x, Tensor y, cudaStream_t stream);

}  // namespace isoflop
