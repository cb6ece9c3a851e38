// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// x [R, C] = w[token - first_token], zeros where w [V, C] does not hold the token; tokens i32 [R,
/// 1]. T is float or __nv_bfloat16.
template <class T>
void launch_embedding_forward(Tensor tokens, Tensor w, std::int64_t first_token, Tensor x,
                              cudaStream_t stream);

/// dw[token - first_token] (f32) += dx. Rows are sorted by token and cut into chunks of equal
/// length, whatever tokens are in them; a token's rows are added up in their order within a chunk,
/// then the chunks' sums.
template <class T>
void launch_embedding_backward(Tensor tokens, Tensor dx, std::int64_t first_token, Tensor dw,
                               void* workspace, cudaStream_t stream);

/// What the backward pass needs for dx [n_rows, n_cols], whatever the vocabulary.
[[nodiscard]] std::int64_t embedding_workspace_bytes(std::int64_t n_rows, std::int64_t n_cols);

}  // namespace isoflop
