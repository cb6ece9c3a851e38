// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// act = x / 2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3), elementwise (arXiv:1606.08415). T
/// is float or __nv_bfloat16.
template <class T>
void launch_gelu_forward(Tensor x, Tensor act, cudaStream_t stream);

/// x = dact * gelu'(x), in place.
template <class T>
void launch_gelu_backward(Tensor dact, Tensor x, cudaStream_t stream);

}  // namespace isoflop
