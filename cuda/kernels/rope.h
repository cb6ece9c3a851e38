// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// Rotates the first H + K heads of each row of qkv [R, (H + 2K) S] in place (arXiv:2104.09864):
/// the pair (a, b) at (i, i + S/2) becomes (a c - b s, b c + a s), with c and s from row `row %
/// seq_len` of `cosines` and `sines` [seq_len, S/2] (f32); with -s where `inverse`. T is float or
/// __nv_bfloat16; R and seq_len are below 2^31.
template <class T>
void launch_rope(Tensor qkv, const AttentionDims& dims, const float* cosines, const float* sines,
                 bool inverse, cudaStream_t stream);

}  // namespace isoflop
