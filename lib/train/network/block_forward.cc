// SPDX-License-Identifier: Apache-2.0
#include "train/network/block.h"

namespace isoflop {

ResidualStream block_forward(Backend& backend, SequenceParallel& sequence, const ModelShape& shape,
                             const BlockTensors& weights, ResidualStream residual,
                             BlockActivations& kept) {
  const AttentionDims dims = attention_dims(shape, residual.branch.rows);
  const auto mine = [&](Tensor x) { return sequence.mine(x); };

  backend.rmsnorm_forward(mine(residual.branch), mine(residual.stream), weights.attention_norm,
                          kNormEpsilon, mine(kept.attention_normed),
                          mine(kept.attention_inverse_rms));
  sequence.gather(kept.attention_normed);
  backend.linear_forward(kept.attention_normed, weights.qkv, kept.qkv);
  backend.rope(kept.qkv, dims, kRopeTheta, /*inverse=*/false);
  backend.attention_forward(kept.qkv, dims, kept.attention, kept.log_sum_exp);
  backend.linear_forward(kept.attention, weights.attention_out, kept.residual_mid);
  sequence.scatter_sum(kept.residual_mid);

  backend.rmsnorm_forward(mine(kept.residual_mid), mine(residual.branch), weights.ffn_norm,
                          kNormEpsilon, mine(kept.ffn_normed), mine(kept.ffn_inverse_rms));
  sequence.gather(kept.ffn_normed);
  backend.linear_forward(kept.ffn_normed, weights.gate_up, kept.gate_up);
  if (shape.ffn == FfnKind::swiglu) {
    backend.swiglu_forward(kept.gate_up, kept.act);
  } else {
    backend.gelu_forward(kept.gate_up, kept.act);
  }
  backend.linear_forward(kept.act, weights.down, kept.residual_out);
  sequence.scatter_sum(kept.residual_out);
  return {.branch = kept.residual_out, .stream = kept.residual_mid};
}

}  // namespace isoflop
