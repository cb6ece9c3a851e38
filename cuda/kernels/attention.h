// SPDX-License-Identifier: Apache-2.0
// Causal attention on tensor cores, FlashAttention-2 (arXiv:2205.14135, arXiv:2307.08691): nothing
// of size [T, T] exists. Per sequence, query head h and its key/value head, with a = 1 / sqrt(S):
//   s[i][j] = a q[i] . k[j] for j <= i,   log_sum_exp[i] = log sum_j exp(s[i][j]),
//   p = exp(s - log_sum_exp),   out = p v;
//   delta[i] = dout[i] . out[i],   ds = p (dout v^T - delta),
//   dv = p^T dout,   dq = a ds k,   dk = a ds^T q, the last two of dv and dk summed over the group.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

#include "train/contract/backend.h"

namespace isoflop {

/// What the launchers below take: bf16, d_head <= 128 and a multiple of 8, and data aligned to 16
/// bytes. kernels/attention_plain.h takes the rest.
[[nodiscard]] bool attention_fits_tensor_cores(const AttentionDims& dims, Tensor tensor);

/// qkv [R, (H + 2K) S], out [R, H S] bf16, log_sum_exp [R, H] f32. Sums are f32; p is rounded to
/// bf16 before the product with v, as ds and p are in the backward pass. A value that is not finite
/// leaves one that is not; within a tile of 64 rows also in rows before its own (0 times NaN).
void launch_attention_forward(Tensor qkv, const AttentionDims& dims, Tensor out, Tensor log_sum_exp,
                              cudaStream_t stream);

/// dqkv [R, (H + 2K) S] = gradient. Two kernels (dq; dk dv), seven products instead of the five of
/// one kernel, whose sum of dq over key tiles would need atomics, without which order (and bits)
/// are not fixed, or f32 partial sums in memory: seq_len / 128 of them per element, 8 bytes each
/// written and read back, 3 times what the two products take on an H100 at seq_len 2048.
void launch_attention_backward(Tensor qkv, const AttentionDims& dims, Tensor out,
                               Tensor log_sum_exp, Tensor dout, Tensor dqkv, void* workspace,
                               cudaStream_t stream);

/// Of either backward pass: lse_delta, {log_sum_exp, delta} of every row and head, f32; seq_len
/// rounded up to a multiple of 64.
[[nodiscard]] std::int64_t attention_backward_workspace_bytes(const AttentionDims& dims);

}  // namespace isoflop
