// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/model_shape.h"
#include "train/contract/backend.h"
#include "train/network/activations.h"
#include "train/network/parameters.h"
#include "train/network/sequence_parallel.h"

namespace isoflop {

/// LLaMA's: the published checkpoints of that family use 1e-5 (LLaMA 2; DeepSeek LLM prints none).
inline constexpr float kNormEpsilon = 1e-5f;
inline constexpr float kRopeTheta = 10000.0f;

/// The residual stream between two norms: `branch`, which has just been computed, plus `stream`,
/// the value before it (null at the start of the model). The next norm adds the two, into `branch`,
/// so that every value of the stream is kept for the backward pass without a copy.
struct ResidualStream {
  Tensor branch, stream;
};

/// One pre-norm decoder block (DeepSeek LLM, arXiv:2401.02954, sec. 2.2: LLaMA's):
/// x += W_o attention(rope(W_qkv norm(x))), x += W_down swiglu(W_gate_up norm(x)). `shape` and
/// `weights` are this rank's part.
[[nodiscard]] ResidualStream block_forward(Backend& backend, SequenceParallel& sequence,
                                           const ModelShape& shape, const BlockTensors& weights,
                                           ResidualStream residual, BlockActivations& kept);

/// Its mirror image. `residual` is the value of the stream that entered the block; on entry
/// passing.residual is the gradient of the stream that left it, on return of the one that entered.
/// Parameter gradients are added to `gradients`. Spoils kept.gate_up.
void block_backward(Backend& backend, SequenceParallel& sequence, const ModelShape& shape,
                    const BlockTensors& weights, Tensor residual, BlockActivations& kept,
                    PassingGradients& passing, BlockTensors& gradients);

/// The attention problem of `n_rows` rows.
[[nodiscard]] inline AttentionDims attention_dims(const ModelShape& shape, std::int64_t n_rows) {
  return {n_rows / shape.seq_len, shape.seq_len, shape.n_heads, shape.n_kv_heads, shape.d_head};
}

}  // namespace isoflop
