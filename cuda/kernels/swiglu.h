// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// act [R, F] = silu(gate) * up (arXiv:2002.05202), gate_up [R, 2F] = gate columns, then up
/// columns. T is float or __nv_bfloat16.
template <class T>
void launch_swiglu_forward(Tensor gate_up, Tensor act, cudaStream_t stream);

/// gate_up becomes its gradient, in place; dact [R, F].
template <class T>
void launch_swiglu_backward(Tensor dact, Tensor gate_up, cudaStream_t stream);

}  // namespace isoflop
