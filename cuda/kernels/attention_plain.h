// SPDX-License-Identifier: Apache-2.0
// The attention of kernels/attention.h without tensor cores, for f32 and for bf16 of any shape and
// alignment: inputs upcast, everything in f32, outputs rounded once.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// Six tiles of 32 rows lie in shared memory, 163 KiB on sm_80.
inline constexpr std::int64_t kPlainAttentionMaxHead = 192;

/// qkv [R, (H + 2K) S], out [R, H S], log_sum_exp [R, H] (f32).
template <class T>
void launch_attention_plain_forward(Tensor qkv, const AttentionDims& dims, Tensor out,
                                    Tensor log_sum_exp, cudaStream_t stream);

/// dqkv [R, (H + 2K) S]; workspace of attention_backward_workspace_bytes.
template <class T>
void launch_attention_plain_backward(Tensor qkv, const AttentionDims& dims, Tensor out,
                                     Tensor log_sum_exp, Tensor dout, Tensor dqkv, void* workspace,
                                     cudaStream_t stream);

}  // namespace isoflop
