// SPDX-License-Identifier: Apache-2.0
#include "train/network/block.h"

namespace isoflop {
namespace {

/// Of y = x W^T, with x the layer's input: dx and dW.
void linear_backward(Backend& backend, Tensor dy, Tensor x, Tensor weights, Tensor dx,
                     Tensor dweights) {
  backend.linear_backward_weight(dy, x, dweights);
  backend.linear_backward_input(dy, weights, dx);
}

}  // namespace

void block_backward(Backend& backend, SequenceParallel& sequence, const ModelShape& shape,
                    const BlockTensors& weights, Tensor residual, BlockActivations& kept,
                    PassingGradients& passing, BlockTensors& gradients) {
  const AttentionDims dims = attention_dims(shape, residual.rows);
  const auto mine = [&](Tensor x) { return sequence.mine(x); };

  sequence.gather(passing.residual);
  linear_backward(backend, passing.residual, kept.act, weights.down, passing.act, gradients.down);
  if (shape.ffn == FfnKind::swiglu) {
    backend.swiglu_backward(passing.act, kept.gate_up);
  } else {
    backend.gelu_backward(passing.act, kept.gate_up);
  }
  linear_backward(backend, kept.gate_up, kept.ffn_normed, weights.gate_up, passing.normed,
                  gradients.gate_up);
  sequence.scatter_sum(passing.normed);
  backend.rmsnorm_backward(mine(passing.normed), mine(kept.residual_mid), weights.ffn_norm,
                           mine(kept.ffn_inverse_rms), mine(passing.residual), gradients.ffn_norm);

  sequence.gather(passing.residual);
  linear_backward(backend, passing.residual, kept.attention, weights.attention_out,
                  passing.attention, gradients.attention_out);
  backend.attention_backward(kept.qkv, dims, kept.attention, kept.log_sum_exp, passing.attention,
                             passing.qkv);
  backend.rope(passing.qkv, dims, kRopeTheta, /*inverse=*/true);
  linear_backward(backend, passing.qkv, kept.attention_normed, weights.qkv, passing.normed,
                  gradients.qkv);
  sequence.scatter_sum(passing.normed);
  backend.rmsnorm_backward(mine(passing.normed), mine(residual), weights.attention_norm,
                           mine(kept.attention_inverse_rms), mine(passing.residual),
                           gradients.attention_norm);
}

}  // namespace isoflop
