// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

// RMSNorm (arXiv:1910.07467): y = x u gain with u = 1 / sqrt(mean(x^2) + epsilon) of each row. T is
// float or __nv_bfloat16. C is at most 8192 where rows begin at multiples of 16 bytes, and 4096
// elsewhere; for more, Error(invalid_argument).

/// residual [R, C] += delta where that has data, rounded to T; y [R, C] is the norm of what is
/// stored; inverse_rms [R, 1] f32 = u, NaN where the mean of squares overflows.
template <class T>
void launch_rmsnorm_forward(Tensor residual, Tensor delta, Tensor gain, float epsilon, Tensor y,
                            Tensor inverse_rms, cudaStream_t stream);

/// dresidual [R, C] += u (dy gain) - x u^3 mean(dy gain x); dgain [1, C] (f32) += sum over the rows
/// of dy x u.
template <class T>
void launch_rmsnorm_backward(Tensor dy, Tensor residual, Tensor gain, Tensor inverse_rms,
                             Tensor dresidual, Tensor dgain, void* workspace, cudaStream_t stream);

/// What the backward pass needs, for tensors [n_rows, n_cols].
[[nodiscard]] std::int64_t rmsnorm_workspace_bytes(std::int64_t n_rows, std::int64_t n_cols);

}  // namespace isoflop
