// SPDX-License-Identifier: Apache-2.0
#include "train/network/transformer.h"

#include "isoflop/error.h"
#include "train/network/block.h"

namespace isoflop {
namespace {

/// One row of statistics for every row of logits and rank; none for one rank.
std::int64_t statistics_bytes(TensorShard shard, std::int64_t n_rows) {
  return shard.size == 1 ? 0 : shard.size * n_rows * 3 * size_of(DType::f32);
}

}  // namespace

Transformer::Transformer(Backend& backend, Communicator& tensor_parallel, const ModelShape& shape,
                         DType dtype, std::int64_t max_seqs)
    : backend_(backend),
      sequence_(backend, tensor_parallel),
      shard_{tensor_parallel.rank(), tensor_parallel.size()},
      shape_(shard_.local_shape(shape)),
      first_token_(shard_.share(shape.vocab_size).begin),
      max_seqs_(max_seqs),
      activations_(backend, shape_, dtype, max_seqs * shape.seq_len),
      statistics_(backend.allocate(statistics_bytes(shard_, max_seqs * shape.seq_len))) {}

void Transformer::evaluate(const ModelTensors& weights, Tensor tokens, Tensor targets,
                           Tensor losses) {
  forward(weights, tokens);
  cross_entropy(targets, /*loss_weight=*/0, losses);
}

void Transformer::accumulate_gradients(const ModelTensors& weights, Tensor tokens, Tensor targets,
                                       float loss_weight, ModelTensors& gradients, Tensor losses,
                                       const LayerDone& layer_done) {
  forward(weights, tokens);
  cross_entropy(targets, loss_weight, losses);
  backward(weights, tokens, gradients, layer_done);
}

void Transformer::forward(const ModelTensors& weights, Tensor tokens) {
  ISOFLOP_CHECK(tokens.rows % shape_.seq_len == 0, "rows must be whole sequences");
  Activations& a = activations_;
  a.set_rows(tokens.rows);
  backend_.embedding_forward(tokens, weights.embedding, first_token_, a.residual_in);
  sequence_.scatter_sum(a.residual_in);
  ResidualStream residual{.branch = a.residual_in, .stream = {}};
  for (std::size_t i = 0; i < a.blocks.size(); ++i) {
    residual = block_forward(backend_, sequence_, shape_, weights.blocks[i], residual, a.blocks[i]);
  }
  backend_.rmsnorm_forward(sequence_.mine(residual.branch), sequence_.mine(residual.stream),
                           weights.final_norm, kNormEpsilon, sequence_.mine(a.normed),
                           sequence_.mine(a.inverse_rms));
  sequence_.gather(a.normed);
  backend_.linear_forward(a.normed, weights.head, a.logits);
}

void Transformer::cross_entropy(Tensor targets, float loss_weight, Tensor losses) {
  const Tensor logits = activations_.logits;
  if (shard_.size == 1) return backend_.cross_entropy(logits, targets, loss_weight, losses);
  const Tensor statistics{statistics_->data(), DType::f32, shard_.size * logits.rows, 3};
  const Range mine{shard_.rank * logits.rows, (shard_.rank + 1) * logits.rows};
  backend_.vocabulary_statistics(logits, targets, first_token_,
                                 statistics.slice(mine.begin, mine.size()));
  sequence_.communicator().all_gather(backend_, statistics, {&mine, 1});
  backend_.vocabulary_cross_entropy(logits, targets, first_token_, statistics, loss_weight, losses);
}

void Transformer::backward(const ModelTensors& weights, Tensor tokens, ModelTensors& gradients,
                           const LayerDone& layer_done) {
  Activations& a = activations_;
  PassingGradients& passing = a.gradients;
  const auto done = [&](std::int64_t layer) {
    if (layer_done) layer_done(layer);
  };
  backend_.linear_backward_weight(a.logits, a.normed, gradients.head);
  if (!shape_.tied_embeddings) done(shape_.n_layers);
  backend_.linear_backward_input(a.logits, weights.head, passing.normed);
  sequence_.scatter_sum(passing.normed);
  backend_.zero(passing.residual);
  const Tensor last = a.blocks.empty() ? a.residual_in : a.blocks.back().residual_out;
  backend_.rmsnorm_backward(sequence_.mine(passing.normed), sequence_.mine(last),
                            weights.final_norm, sequence_.mine(a.inverse_rms),
                            sequence_.mine(passing.residual), gradients.final_norm);
  for (std::size_t i = a.blocks.size(); i-- > 0;) {
    const Tensor residual = i == 0 ? a.residual_in : a.blocks[i - 1].residual_out;
    block_backward(backend_, sequence_, shape_, weights.blocks[i], residual, a.blocks[i], passing,
                   gradients.blocks[i]);
    done(static_cast<std::int64_t>(i));
  }
  sequence_.gather(passing.residual);
  backend_.embedding_backward(tokens, passing.residual, first_token_, gradients.embedding);
  done(-1);
}

std::int64_t Transformer::size(const ModelShape& shape, TensorShard shard, DType dtype,
                               std::int64_t max_seqs) {
  const std::int64_t n_rows = max_seqs * shape.seq_len;
  return Activations::size(shard.local_shape(shape), dtype, n_rows) +
         statistics_bytes(shard, n_rows);
}

}  // namespace isoflop
