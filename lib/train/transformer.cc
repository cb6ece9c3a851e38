// SPDX-License-Identifier: Apache-2.0
#include "train/transformer.h"

#include "isoflop/error.h"
#include "train/block.h"

namespace isoflop {

Transformer::Transformer(Backend& backend, const ModelShape& shape, std::int64_t max_seqs)
    : backend_(backend),
      shape_(shape),
      max_seqs_(max_seqs),
      activations_(backend, shape, max_seqs * shape.seq_len) {}

void Transformer::evaluate(const ModelTensors& weights, Tensor tokens, Tensor targets,
                           Tensor losses) {
  forward(weights, tokens);
  backend_.cross_entropy(activations_.logits, targets, /*scale=*/0, losses);
}

void Transformer::accumulate_gradients(const ModelTensors& weights, Tensor tokens, Tensor targets,
                                       float loss_weight, ModelTensors& gradients, Tensor losses) {
  forward(weights, tokens);
  backend_.cross_entropy(activations_.logits, targets, loss_weight, losses);
  backward(weights, tokens, gradients);
}

void Transformer::forward(const ModelTensors& weights, Tensor tokens) {
  ISOFLOP_CHECK(tokens.rows % shape_.seq_len == 0, "rows must be whole sequences");
  Activations& a = activations_;
  a.set_rows(tokens.rows);
  backend_.embedding_forward(tokens, weights.embedding, 0, a.residual_in);
  ResidualStream residual{.branch = a.residual_in, .stream = {}};
  for (std::size_t i = 0; i < a.blocks.size(); ++i) {
    residual = block_forward(backend_, shape_, weights.blocks[i], residual, a.blocks[i]);
  }
  backend_.rmsnorm_forward(residual.branch, residual.stream, weights.final_norm, kNormEpsilon,
                           a.normed, a.inverse_rms);
  backend_.linear_forward(a.normed, weights.head, a.logits);
}

void Transformer::backward(const ModelTensors& weights, Tensor tokens, ModelTensors& gradients) {
  Activations& a = activations_;
  PassingGradients& passing = a.gradients;
  backend_.linear_backward_weight(a.logits, a.normed, gradients.head);
  backend_.linear_backward_input(a.logits, weights.head, passing.normed);
  backend_.zero(passing.residual);
  const Tensor last = a.blocks.empty() ? a.residual_in : a.blocks.back().residual_out;
  backend_.rmsnorm_backward(passing.normed, last, weights.final_norm, a.inverse_rms,
                            passing.residual, gradients.final_norm);
  for (std::size_t i = a.blocks.size(); i-- > 0;) {
    const Tensor residual = i == 0 ? a.residual_in : a.blocks[i - 1].residual_out;
    block_backward(backend_, shape_, weights.blocks[i], residual, a.blocks[i], passing,
                   gradients.blocks[i]);
  }
  backend_.embedding_backward(tokens, passing.residual, 0, gradients.embedding);
}

}  // namespace isoflop
