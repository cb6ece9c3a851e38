// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

// The operations of these names of train/contract/backend.h, in double. Spans are of device memory.

/// sums [n, 1] f64: of squares of the elements parts[i] of x. T is float or __nv_bfloat16. A block
/// for each part: meant for parts of about 16,384 elements.
template <class T>
void launch_squared_norms(Tensor x, std::span<const Range> parts, Tensor sums, cudaStream_t stream);

/// sums [n, 1] f64 = sums of the rows of x [n, m] f32.
void launch_row_sums(Tensor x, Tensor sums, cudaStream_t stream);

/// result [1, 1] = sum of a[i] b[i], all f64.
void launch_dot(Tensor a, Tensor b, Tensor result, cudaStream_t stream);

/// scale [1, 1] f32 = min(1, max_norm / sqrt(measures[0])), measures f64; -1 where one of them is
/// not finite, or scale was negative.
void launch_clip_scale(Tensor measures, double max_norm, Tensor scale, cudaStream_t stream);

}  // namespace isoflop
